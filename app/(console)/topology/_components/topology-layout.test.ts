import { describe, expect, it } from "vitest";
import type { TopologyView } from "@/contract/relay-objects.ts";
import { breakWords, labelBox, layoutOf, overlap } from "./topology-layout.ts";
import { modelOf } from "./topology-model.ts";

const counts = { pending: 0, unapproved: 0, online: 0, late: 0, offline: 0, revoked: 0 };

/** An organisation with this many gateways, relays and sites with two servers each; every fourth relay is away and cut. */
function view(gateways: number, relays: number, sites: number): TopologyView {
  const ids = (kind: string, count: number) => Array.from({ length: count }, (_, index) => ({ id: `${kind}${index}`, name: `${kind}-with-quite-a-long-name-${index}` }));
  const servers = ids("site", sites).flatMap((site) => [0, 1].map((index) => ({ id: `${site.id}s${index}`, name: `server ${site.id} ${index}`, siteIds: [site.id], isReady: index === 0, isAgentSite: false })));
  return {
    organisation: { id: "o", name: "Example" },
    at: "2026-11-22T10:00:00.000Z",
    sites: ids("site", sites).map((site) => ({ ...site, kind: "intranet" as const })),
    servers,
    gateways: ids("gw", gateways).map((gateway, index) => ({ ...gateway, state: index % 3 === 1 ? ("disconnected" as const) : ("connected" as const), tunnels: 3, channels: 2, bytesUpPerSecond: 1_200_000, bytesDownPerSecond: 3_000, serverIds: servers.map((server) => server.id), peerIds: ids("gw", gateways).map((peer) => peer.id).filter((id) => id !== gateway.id) })),
    relays: ids("relay", relays).map((relay, index) => ({ ...relay, state: index % 4 === 3 ? ("away" as const) : ("connected" as const), siteId: index === 0 ? "site0" : null, upstreamRelayId: index === 1 ? "relay0" : null, gatewayIds: [`gw${index % Math.max(1, gateways)}`], agents: 4, bytesUpPerSecond: 10, bytesDownPerSecond: 10 })),
    agents: [
      ...ids("gw", gateways).map((gateway, index) => ({ gatewayId: gateway.id, relayId: null, counts: { ...counts, online: 90 }, sample: index === 0 ? [] : [{ id: `${gateway.id}a`, name: "LT-0412", state: "online" as const }] })),
      ...ids("relay", relays).map((relay) => ({ gatewayId: null, relayId: relay.id, counts: { ...counts, online: 4, late: 1 }, sample: [] })),
      { gatewayId: null, relayId: null, counts: { ...counts, online: 5, offline: 7 }, sample: [] },
    ],
    cuts: ids("relay", relays).flatMap((relay, index) => (index % 4 === 3 ? [{ from: { kind: "relay" as const, id: relay.id }, to: { kind: "gateway" as const, id: `gw${index % Math.max(1, gateways)}` }, reason: "connection refused" }] : [])),
  };
}

const sizes = [[0, 0, 1], [1, 0, 1], [2, 2, 1], [3, 5, 4], [6, 8, 5], [120, 80, 150]] as const;

describe("the picture of an organisation", () => {
  it.each(sizes)("shows %i gateways, %i relays and %i sites without one thing on another, wide and narrow", (gateways, relays, sites) => {
    for (const isNarrow of [false, true]) {
      const { units, lines, width, height } = layoutOf(modelOf(view(gateways, relays, sites)), isNarrow);
      for (const [index, a] of units.entries()) {
        expect(a.box.x).toBeGreaterThanOrEqual(0);
        expect(a.box.x + a.box.width).toBeLessThanOrEqual(width);
        expect(a.box.y).toBeGreaterThanOrEqual(0);
        expect(a.box.y + a.box.height).toBeLessThanOrEqual(height);
        for (const b of units.slice(index + 1)) expect(overlap(a.box, b.box), `${a.unit.key} on ${b.unit.key}`).toBe(false);
      }
      const labels = lines.flatMap(({ label }) => (label ? [labelBox(label)] : []));
      for (const [index, a] of labels.entries()) {
        for (const b of labels.slice(index + 1)) expect(overlap(a, b)).toBe(false);
        for (const { box, unit } of units) expect(overlap(a, box), `a reason on ${unit.key}`).toBe(false);
      }
      expect(isNarrow ? width : 0).toBeLessThanOrEqual(358);
    }
  });

  it("keeps every gateway of a cloud to open, those in trouble first, and stays small with 500 nodes", () => {
    const { branches, ties } = modelOf(view(120, 80, 150));
    const cloud = branches.find(({ unit }) => unit.kind === "cloud")?.unit;
    expect(cloud?.name).toBe("120 gateways");
    expect(cloud?.kind === "cloud" && cloud.dots).toHaveLength(120);
    expect(cloud?.kind === "cloud" && cloud.dots[0]?.tone).toBe("fault");
    expect(ties.filter((tie) => !tie.isQuiet).length).toBeLessThan(60);
  });

  it("breaks a long reason at its spaces, and leaves no more than three lines of it", () => {
    expect(breakWords("connection refused")).toEqual(["connection refused"]);
    expect(breakWords("answered, its certificate is not confirmed yet")).toEqual(["answered, its", "certificate is not", "confirmed yet"]);
    expect(breakWords("word ".repeat(30).trim()).every((line) => line.length <= 24)).toBe(true);
  });

  it("cuts the line where the session is missing, and says why", () => {
    const { ties } = modelOf(view(2, 4, 1));
    expect(ties.filter((tie) => tie.cut !== null).map((tie) => [tie.from, tie.to, tie.cut])).toEqual([["relay:relay3", "gateway:gw1", "connection refused"]]);
  });
});

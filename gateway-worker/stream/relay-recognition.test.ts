import { createHash, randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { SnapshotRelay } from "../../contract/relay.ts";
import { recogniseRelay } from "./relay-recognition.ts";

const organisationId = randomUUID();
const [first, second] = ["a".repeat(64), "b".repeat(64)];

function relayOf(name: string, relayKey: string, fingerprints: string[]): SnapshotRelay {
  return { relayId: randomUUID(), name, relayKeySha256: createHash("sha256").update(relayKey).digest("hex"), fingerprints, siteId: null, dial: null, listeningAgents: [] };
}

describe("recognition of relays", () => {
  const keys = { one: "one-relay-key-0123456789", two: "two-relay-key-0123456789" };
  const relays = [relayOf("one", keys.one, [first, second]), relayOf("two", keys.two, []), relayOf("three", "three-relay-key-01234567", [second])];
  const claim = (relayKey: string, fingerprint: string, more: { organisationId?: string; expectedRelayId?: string } = {}): ReturnType<typeof recogniseRelay> =>
    recogniseRelay({ hello: { relayKey, organisationId: more.organisationId ?? organisationId, hostname: "dmz\u0007-1" }, fingerprint, expectedRelayId: more.expectedRelayId, snapshot: { organisationId, relays } });

  it("takes any of the certificates that were confirmed for the relay: nodes share an id [X4-02]", () => {
    expect([claim(keys.one, first), claim(keys.one, second)]).toEqual([{ kind: "known", relay: relays[0] }, { kind: "known", relay: relays[0] }]);
  });

  it("asks for id and certificate of the same relay [X4-04] [T21]", () => {
    expect(claim(keys.two, first)).toMatchObject({ kind: "refused", code: "relay-not-confirmed", relay: relays[1] });
    expect(claim(keys.one, "c".repeat(64))).toMatchObject({ kind: "refused", code: "relay-not-confirmed" });
    expect(claim("some-other-key-0123456789", first)).toMatchObject({ kind: "refused", code: "relay-unknown", relay: undefined });
  });

  it("refuses another organisation's relay, another than the dialled one, and everybody without a snapshot", () => {
    expect(claim(keys.one, first, { organisationId: randomUUID() })).toMatchObject({ code: "relay-unknown" });
    expect(claim(keys.one, first, { expectedRelayId: relays[2]?.relayId ?? "" })).toMatchObject({ code: "relay-unknown" });
    expect(claim(keys.one, first, { expectedRelayId: relays[0]?.relayId ?? "" })).toMatchObject({ kind: "known" });
    expect(recogniseRelay({ hello: { relayKey: keys.one, organisationId, hostname: "x" }, fingerprint: first, expectedRelayId: undefined, snapshot: undefined })).toMatchObject({ code: "relay-unknown" });
  });

  it("puts nothing unprintable of the relay's into a sentence", () => {
    for (const said of [claim(keys.two, first), claim("some-other-key-0123456789", first)]) expect(said.kind === "refused" && /^[\x20-\x7e…]*$/.test(said.detail)).toBe(true);
  });
});

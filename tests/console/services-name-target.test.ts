/** Manual fail-over by DNS: where the clients' name leads, and the change to make. */
import "../support/with-database.ts";
import { beforeAll, describe, expect, it } from "vitest";
import { nameTargetOf, type Resolve } from "../../server/services/virtual-service/name-target.ts";
import { type Api, makeOrganisation, type Organisation } from "./support/console.ts";

let org: Organisation;
let api: Api;

beforeAll(async () => {
  org = await makeOrganisation();
  api = org.as("administrator");
});

const zone = (records: Record<string, string[]>): Resolve => async (host) => (/^[\d.]+$|:/.test(host) ? { kind: "found", addresses: [host], isPublic: false } : records[host] ? { kind: "found", addresses: records[host] ?? [], isPublic: false } : { kind: "failed", detail: `${host} does not resolve here (ENOTFOUND)` });
const make = async (name: string, more: object = {}) => (await api.virtualService.create({ name, port: 8443, serverNames: ["*.keys.example.com", "keys.example.com"], pool: { name: `${name} pool`, members: [{ name: "keys1", host: "192.168.0.50", port: 443 }, { name: "keys2", host: "192.168.0.75", port: 443 }] }, ...more })).id;

describe("the name that clients were built with", () => {
  it("is shown with the member it leads to, and the record to change for the other one [S3-62]", async () => {
    const id = await make("Keys");
    const found = await nameTargetOf(org.callerAs("operator"), { id }, zone({ "keys.example.com": ["192.168.0.50"] }));
    expect(found).toMatchObject({ name: "keys.example.com", addresses: ["192.168.0.50"], sentence: 'keys.example.com leads to 192.168.0.50: member "keys1".' });
    expect(found.targets).toEqual([
      { kind: "member", id: expect.any(String), name: "keys1", addresses: ["192.168.0.50"], isCurrent: true, change: null },
      { kind: "member", id: expect.any(String), name: "keys2", addresses: ["192.168.0.75"], isCurrent: false, change: "Change the A record of keys.example.com from 192.168.0.50 to 192.168.0.75. Clients follow when the old record's TTL is over." },
    ]);
  });

  it("is led from gateway to gateway by their public names, or by the service's own address, in both families [S3-46] [S3-62]", async () => {
    const gateways = await Promise.all(["gw1", "gw2"].map(async (name) => (await api.gateway.create({ name, publicNames: [`${name}.example.com`, "keys.example.com"] })).id));
    const id = await make("Keys outside", { gatewayIds: gateways, stampName: "keys.example.com" });
    const found = await nameTargetOf(org.callerAs("operator"), { id }, zone({ "keys.example.com": ["203.0.113.1"], "gw1.example.com": ["203.0.113.1"], "gw2.example.com": ["203.0.113.2", "2001:db8::2"] }));
    expect(found.targets.slice(0, 2)).toMatchObject([{ kind: "gateway", name: "gw1", isCurrent: true, change: null }, { name: "gw2", change: "Change the A record of keys.example.com from 203.0.113.1 to 203.0.113.2, add the AAAA record 2001:db8::2 to keys.example.com. Clients follow when the old record's TTL is over." }]);
    expect(found.sentence).toBe('keys.example.com leads to 203.0.113.1: gateway "gw1".');
  });

  it("is said to be missing, not to resolve, or to lead somewhere else [S3-22] [S3-62]", async () => {
    const nameless = await make("Nameless", { mode: "tcp", serverNames: [] });
    expect(await api.virtualService.nameTarget({ id: nameless })).toMatchObject({ name: null, targets: [], sentence: expect.stringContaining("set its stamp name") });
    const id = await make("Keys inside", { port: 8444 });
    expect((await nameTargetOf(org.callerAs("operator"), { id }, zone({}))).sentence).toBe("keys.example.com does not resolve here (ENOTFOUND). Clients need a DNS entry for it.");
    expect((await nameTargetOf(org.callerAs("operator"), { id }, zone({ "keys.example.com": ["198.51.100.9"] }))).sentence).toContain("none of this service's gateways and members");
  });
});

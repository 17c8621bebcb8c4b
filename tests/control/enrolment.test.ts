/** Who becomes a gateway, and who does not: tokens, keys, certificates and identities at the door of the control channel. */
import "../support/with-database.ts";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import tls from "node:tls";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatToken, parseToken } from "../../contract/enrolment.ts";
import { formatIdentity } from "../../contract/names.ts";
import { ConsoleLink } from "../../gateway-worker/supervisor/control/console-link.ts";
import { enrol, enrolFromFile, readGatewayToken } from "../../gateway-worker/supervisor/identity/enrol.ts";
import { makeKey, makeRequest } from "../../gateway-worker/supervisor/identity/keypair.ts";
import { loadIdentity } from "../../gateway-worker/supervisor/identity/store.ts";
import { ControlBench } from "../support/control-bench.ts";
import { TestCa } from "../support/pki.ts";
import { until } from "../support/sockets.ts";

let bench: ControlBench;
let caPem: string;
const stateDir = (): string => mkdtempSync(path.join(bench.folder, "state-"));
const address = () => ({ host: "localhost", port: bench.control.port, organisationId: bench.organisationId });

beforeAll(async () => {
  bench = await ControlBench.start();
  const { trustAnchors } = await import("../../server/services/certificate/authority.ts");
  caPem = (await trustAnchors(bench.db, bench.organisationId)).caPem;
});
afterAll(async () => await bench.close());

async function identityFor(organisationId: string, kind: "gateway" | "agent", id: string, purpose: "gateway-control" | "agent", owner: { gatewayId?: string; agentId?: string }) {
  const { issueWithKey } = await import("../../server/services/certificate/issue.ts");
  const { systemCaller } = await import("../../server/services/caller.ts");
  return await bench.db.$transaction(async (tx) => {
    const { trustDomain } = await tx.organisation.findUniqueOrThrow({ where: { id: organisationId } });
    return await issueWithKey(tx, systemCaller(organisationId, "test"), { purpose, identity: formatIdentity({ trustDomain, organisationId, kind, id }), ...owner });
  });
}

const hello = () => ({ protocol: 1, version: "0", runtime: "test", revision: 0, accessVersion: 0, startedAt: new Date().toISOString(), now: new Date().toISOString() });

describe("a gateway's enrolment", () => {
  it("gives one identity to the holder of the token, and writes down that it did", async () => {
    const gateway = await bench.gateway();
    const dir = stateDir();
    const identity = await enrol(dir, readGatewayToken(await bench.token(gateway.id)));
    expect(identity.gatewayId).toBe(gateway.id);
    expect(await loadIdentity(dir)).toEqual(identity);
    expect(await bench.db.auditEvent.count({ where: { action: "gateway.enrol", targetId: gateway.id } })).toBe(1);
  });

  it("answers a repetition after a lost reply with the same certificate [T19]", async () => {
    const gateway = await bench.gateway();
    const token = readGatewayToken(await bench.token(gateway.id));
    const csrPem = await makeRequest({ keyPem: makeKey("ec-p256"), keyType: "ec-p256", commonName: "g", names: [] });
    const replies = [];
    for (let round = 0; round < 2; round += 1) {
      const link = await ConsoleLink.open({ address: address(), caPem });
      replies.push(await link.enrol({ secret: token.secret, csrPem, version: "0", hostname: "dmz" }));
      link.close();
    }
    expect(replies[1]).toEqual(replies[0]);
    expect(await bench.db.certificate.count({ where: { gatewayId: gateway.id, purpose: "gateway-control" } })).toBe(1);
  });

  it("lets one of many callers with the same token at once win, and refuses the others [T19]", async () => {
    const gateway = await bench.gateway();
    const token = readGatewayToken(await bench.token(gateway.id));
    const attempts = await Promise.allSettled(Array.from({ length: 12 }, async () => await enrol(stateDir(), token)));
    expect(attempts.filter((attempt) => attempt.status === "fulfilled")).toHaveLength(1);
    expect(await bench.db.certificate.count({ where: { gatewayId: gateway.id, purpose: "gateway-control", isCurrent: true } })).toBe(1);
  });

  it("refuses an expired, an unknown and an agent's token, each with a sentence that does not repeat it [T19]", async () => {
    const gateway = await bench.gateway();
    const expired = await bench.token(gateway.id, { expiresAt: new Date(Date.now() - 1_000) });
    await expect(enrol(stateDir(), readGatewayToken(expired))).rejects.toThrow(/not valid here/);
    const parsed = parseToken(expired);
    if ("error" in parsed) throw new Error(parsed.error);
    const guessed = formatToken("gateway", { ...parsed.content, secret: "A".repeat(43) });
    await expect(enrol(stateDir(), readGatewayToken(guessed))).rejects.toThrow(/not valid here/);
    expect(() => readGatewayToken(formatToken("agent", parsed.content))).toThrow(/enrols an agent/);
  });

  it("keeps the token file when the console cannot be reached, and removes it once it is spent", async () => {
    const gateway = await bench.gateway();
    const dir = stateDir();
    const file = path.join(dir, "token");
    writeFileSync(file, await bench.token(gateway.id));
    await bench.stopControl();
    await expect(enrolFromFile(dir, file)).rejects.toMatchObject({ code: "console-unreachable" });
    expect(readFileSync(file, "utf8")).toMatch(/^sp1\./);
    await bench.restartControl();
    await enrolFromFile(dir, file);
    expect(() => readFileSync(file)).toThrow();
  });

  it("sends nothing to a console whose CA is not the token's", async () => {
    const gateway = await bench.gateway();
    const token = readGatewayToken(await bench.token(gateway.id));
    await expect(enrol(stateDir(), { ...token, caFingerprint: "0".repeat(64) })).rejects.toMatchObject({ code: "console-untrusted", message: expect.stringMatching(/Nothing was sent/) });
    expect(await bench.db.certificate.count({ where: { gatewayId: gateway.id } })).toBe(0);
  });

  it("is not fooled by somebody who shows the right root but has no key under it", async () => {
    const [impostor, gateway] = [await TestCa.root(), await bench.gateway()];
    const leaf = await impostor.issue({ dns: ["localhost"], usage: ["server"] });
    const server = tls.createServer({ cert: leaf.certPem + caPem, key: leaf.keyPem, minVersion: "TLSv1.3" }, (socket) => socket.on("error", () => socket.destroy()));
    server.on("tlsClientError", (_error, socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const token = readGatewayToken(await bench.token(gateway.id));
    await expect(enrol(stateDir(), { ...token, host: "127.0.0.1", port })).rejects.toMatchObject({ code: "console-untrusted" });
    server.close();
  });
});

describe("the control channel's door", () => {
  it("has nothing but enrolment for somebody without a certificate", async () => {
    const link = await ConsoleLink.open({ address: address(), caPem });
    await expect(link.hello(hello())).rejects.toThrow(/No "mutation"-procedure on path "hello"/);
    await expect(link.report({ status: null, refusals: [], refusalsDropped: 0, tunnels: [], logs: [], health: [], services: [], channels: [], areChannelsComplete: false, sessions: [], relays: [] })).rejects.toThrow();
    link.close();
  });

  it("refuses an agent's certificate, a revoked one and one it never issued, each with a reason [T15] [T21]", async () => {
    const gateway = await bench.gateway();
    const agent = await bench.agent(gateway);
    await expect(ConsoleLink.open({ address: address(), caPem, client: { certificateChainPem: agent.certPem, keyPem: agent.keyPem } })).rejects.toThrow(/not a gateway's/);
    const own = await identityFor(bench.organisationId, "gateway", gateway.id, "gateway-control", { gatewayId: gateway.id });
    await bench.db.certificate.update({ where: { id: own.certificateId }, data: { revokedAt: new Date() } });
    await expect(ConsoleLink.open({ address: address(), caPem, client: { certificateChainPem: own.chainPem, keyPem: own.keyPem } })).rejects.toThrow(/replaced by a newer enrolment, or was revoked/);
    const foreign = await (await TestCa.root()).issue({ uris: [formatIdentity({ trustDomain: "sallyport.internal", organisationId: bench.organisationId, kind: "gateway", id: gateway.id })] });
    await expect(ConsoleLink.open({ address: address(), caPem, client: { certificateChainPem: foreign.chainPem, keyPem: foreign.keyPem } })).rejects.toThrow(/not accepted/);
  });

  it("refuses a gateway of another organisation, and one whose certificate claims ours but comes from the other CA [T15] [T33]", async () => {
    const { createAuthority, generateAuthorityKeys } = await import("../../server/services/organisation/create-authority.ts");
    const { systemCaller } = await import("../../server/services/caller.ts");
    const ours = await bench.gateway();
    const other = await bench.db.organisation.create({ data: { name: "Other", nameKey: "other", trustDomain: "sallyport.internal", agentSiteNames: [] } });
    const keys = await generateAuthorityKeys();
    await bench.db.$transaction(async (tx) => await createAuthority(tx, systemCaller(other.id, "test"), other, keys));
    const theirs = await bench.db.gateway.create({ data: { organisationId: other.id, name: "theirs", nameKey: "theirs", publicNames: [], enrolledAt: new Date() } });
    const own = await identityFor(other.id, "gateway", theirs.id, "gateway-control", { gatewayId: theirs.id });
    await expect(ConsoleLink.open({ address: address(), caPem, client: { certificateChainPem: own.chainPem, keyPem: own.keyPem } })).rejects.toThrow(/not accepted/);
    const { issueWithKey } = await import("../../server/services/certificate/issue.ts");
    const claimed = await bench.db.$transaction(async (tx) => await issueWithKey(tx, systemCaller(other.id, "test"), { purpose: "gateway-control", identity: formatIdentity({ trustDomain: "sallyport.internal", organisationId: bench.organisationId, kind: "gateway", id: ours.id }) }));
    await expect(ConsoleLink.open({ address: address(), caPem, client: { certificateChainPem: claimed.chainPem, keyPem: claimed.keyPem } })).rejects.toThrow(/not accepted/);
  });

  it("closes a connection that does not speak, and answers plain requests with nothing but its health [T05]", { timeout: 40_000 }, async () => {
    const silent = tls.connect({ host: "localhost", port: bench.control.port, rejectUnauthorized: false });
    silent.on("error", () => {});
    const startedAt = performance.now();
    await new Promise<void>((resolve) => silent.once("close", () => resolve()));
    expect(performance.now() - startedAt).toBeLessThan(12_000);
    const get = async (url: string): Promise<string> => await new Promise((resolve, reject) => {
      let text = "";
      const socket = tls.connect({ host: "localhost", port: bench.control.port, rejectUnauthorized: false }, () => socket.write(`GET ${url} HTTP/1.1\r\nHost: x\r\n\r\n`));
      socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk)).on("error", reject).on("close", () => resolve(text));
    });
    expect(await get("/healthz")).toMatch(/200/);
    expect(await get("/readyz")).toMatch(/200/);
    for (const url of ["/", "/sign-in", "/api/trpc/user.me", "/control"]) expect(await get(url)).toMatch(/404/);
  });

  it("ends the channel of a gateway that is deleted or enrolled anew, at once [T22]", async () => {
    const gateway = await bench.gateway();
    const identity = await enrol(stateDir(), readGatewayToken(await bench.token(gateway.id)));
    const open = async (): Promise<ConsoleLink> => {
      const link = await ConsoleLink.open({ address: address(), caPem, client: identity });
      await link.hello(hello());
      return link;
    };
    const link = await open();
    const startedAt = performance.now();
    const anew = await enrol(stateDir(), readGatewayToken(await bench.token(gateway.id)));
    expect(await link.lost).toMatch(/no longer accepted/);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    await expect(open()).rejects.toThrow(/revoked/);
    const second = await ConsoleLink.open({ address: address(), caPem, client: anew });
    await second.hello(hello());
    await until(async () => (await bench.db.gateway.findUniqueOrThrow({ where: { id: gateway.id } })).connectedSince !== null, "the console shows it connected");
    const { removeGateway } = await import("../../server/services/gateway/remove.ts");
    const { name } = await bench.db.gateway.findUniqueOrThrow({ where: { id: gateway.id } });
    const deletedAt = performance.now();
    await removeGateway(bench.caller, { id: gateway.id, confirmName: name });
    expect(await second.lost).toMatch(/no longer accepted/);
    expect(performance.now() - deletedAt).toBeLessThan(2_000);
  });

  it("measures a gateway's clock and names one that is 400 days off [T17]", async () => {
    const gateway = await bench.gateway();
    const identity = await enrol(stateDir(), readGatewayToken(await bench.token(gateway.id)));
    const link = await ConsoleLink.open({ address: address(), caPem, client: identity });
    const wrong = new Date(Date.now() + 400 * 86_400_000);
    const welcome = await link.hello({ ...hello(), now: wrong.toISOString() });
    // Told as "at least 24 days": more does not fit the column, and needs no more telling.
    expect(welcome.clockSkewMs).toBe(2_147_483_647);
    expect((await bench.db.gateway.findUniqueOrThrow({ where: { id: gateway.id } })).clockSkewMs).toBe(welcome.clockSkewMs);
    link.close();
  });

  it("turns away a gateway of another protocol number and says which side to update", async () => {
    const gateway = await bench.gateway();
    const identity = await enrol(stateDir(), readGatewayToken(await bench.token(gateway.id)));
    const link = await ConsoleLink.open({ address: address(), caPem, client: identity });
    await expect(link.hello({ ...hello(), protocol: 2 })).rejects.toThrow(/update the console/);
    link.close();
  });
});

it("never shows the database's ids of others in a refusal", async () => {
  const link = await ConsoleLink.open({ address: address(), caPem });
  const csrPem = await makeRequest({ keyPem: makeKey("ec-p256"), keyType: "ec-p256", commonName: randomUUID(), names: [] });
  await expect(link.enrol({ secret: "B".repeat(43), csrPem, version: "0", hostname: "x" })).rejects.not.toThrow(/[0-9a-f]{8}-[0-9a-f]{4}/);
  link.close();
});

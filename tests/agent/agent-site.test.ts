/** The agent site's own rules: who gets in, what is there, and what happens to everybody else. */
import { agentToken, startSite, temporaryDir } from "./support/site.ts";
import { randomUUID } from "node:crypto";
import net from "node:net";
import tls from "node:tls";
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { parseToken } from "../../contract/enrolment.ts";
import { formatIdentity } from "../../contract/names.ts";
import { makeCsr, makeKey } from "../../agent/identity/csr.ts";
import { db } from "../../server/db.ts";
import { issueCertificate, type Profile } from "../../server/pki/issue.ts";
import { writeAgentAccess } from "../../server/services/access/write-entries.ts";
import { issuingAuthority, trustAnchors } from "../../server/services/certificate/authority.ts";
import { issueWithKey } from "../../server/services/certificate/issue.ts";
import { generateKey } from "../../server/pki/keys.ts";
import { TestCa } from "../support/pki.ts";
import { until } from "../support/sockets.ts";
import { makeBundle, makeGroup } from "./support/bundle.ts";

const site = await startSite();
const { caPem } = await trustAnchors(db(), site.organisationId);

type Client = { certPem: string; keyPem: string } | null;
type Answer = { status: number; body: string; headers: Map<string, string> };

/** One HTTP request on a connection of its own. */
function ask(client: Client, method: string, target: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: "127.0.0.1", port: site.port, servername: "localhost", ca: caPem.match(/-----BEGIN[^]+?END CERTIFICATE-----/g) ?? [], ...(client ? { cert: client.certPem, key: client.keyPem } : {}) });
    const text = body === undefined ? "" : JSON.stringify(body);
    let answer = "";
    socket.on("error", reject);
    socket.on("data", (chunk) => (answer += chunk.toString("latin1")));
    socket.on("close", () => resolve(parse(answer)));
    const extra = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
    socket.once("secureConnect", () => socket.write(`${method} ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${extra}${body === undefined ? "" : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n`}\r\n${text}`));
  });
}

function parse(text: string): Answer {
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const [first = "", ...lines] = head.split("\r\n");
  return { status: Number(first.split(" ")[1]), body: rest.join("\r\n\r\n"), headers: new Map(lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 2)])) };
}

async function enrol(secretText: string, keyPem = makeKey(), client: Client = null, previousAgentId: string | null = null): Promise<Answer & { agentId: string; client: { certPem: string; keyPem: string } }> {
  const token = parseToken(secretText);
  if ("error" in token) throw new Error(token.error);
  const answer = await ask(client, "POST", "/v1/enrol", { secret: token.content.secret, csrPem: makeCsr(keyPem), hostname: "host-1", platform: "linux", version: "0", previousAgentId });
  const reply = answer.status === 200 ? (JSON.parse(answer.body) as { agentId: string; certificateChainPem: string }) : { agentId: "", certificateChainPem: "" };
  return { ...answer, agentId: reply.agentId, client: { certPem: reply.certificateChainPem, keyPem } };
}

/** A certificate of the organisation's own CA, wrong in one way, known to the database or not. */
async function ownCertificate(change: { profile?: Profile; identityUri?: string | null; notBefore?: Date; notAfter?: Date }): Promise<Client> {
  const authority = await issuingAuthority(db(), site.organisationId);
  const pair = await generateKey();
  const pem = await issueCertificate({ issuer: authority, publicKey: pair.publicKey, profile: "agent", subject: { commonName: "x", organisation: "y" }, identityUri: identity(randomUUID()), notBefore: new Date(Date.now() - 3_600_000), notAfter: new Date(Date.now() + 3_600_000), ...change });
  return { certPem: pem + authority.certPem, keyPem: pair.keyPem };
}

const identity = (id: string, organisationId = site.organisationId) => formatIdentity({ trustDomain: "sallyport.internal", organisationId, kind: "agent", id });

let agent: Awaited<ReturnType<typeof enrol>>;
beforeAll(async () => {
  agent = await enrol(await agentToken(site));
  expect(agent.status).toBe(200);
});

describe("the agent site", () => {
  it("answers console pages, procedures and every other path with the same bytes, whoever asks [S1-16] [S1-17] [S1-18]", async () => {
    const answers = await Promise.all([ask(agent.client, "GET", "/"), ask(agent.client, "GET", "/sign-in"), ask(agent.client, "POST", "/api/trpc/agent.list"), ask(null, "GET", "/api/v1/agents"), ask(agent.client, "DELETE", "/v1/policy"), ask(agent.client, "GET", "/v1/policy?x=1"), ask(agent.client, "GET", "/v1/agents/1")]);
    for (const answer of answers) expect(answer).toMatchObject({ status: 404, body: answers[0]?.body });
    expect(new Set(answers.map((answer) => answer.body)).size).toBe(1);
  });

  it("serves its own agent health, time and policy [S1-16] [S0-21]", async () => {
    expect(await ask(agent.client, "GET", "/healthz")).toMatchObject({ status: 200 });
    expect(await ask(agent.client, "GET", "/v1/time")).toMatchObject({ status: 200 });
    const policy = await ask(agent.client, "GET", "/v1/policy");
    expect(JSON.parse(policy.body)).toMatchObject({ agentId: agent.agentId, isCloudEnabled: false, organisationId: site.organisationId });
    expect(await ask(agent.client, "GET", "/v1/policy", undefined, { "If-None-Match": policy.headers.get("etag") ?? "" })).toMatchObject({ status: 304 });
  });

  it("answers the acceptance check of stock curl [S1-68]", async () => {
    const directory = temporaryDir();
    for (const [name, text] of Object.entries({ cert: agent.client.certPem, key: agent.client.keyPem, ca: caPem })) fs.writeFileSync(path.join(directory, name), text);
    const { stdout } = await promisify(execFile)("curl", ["-sS", "--cert", path.join(directory, "cert"), "--key", path.join(directory, "key"), "--cacert", path.join(directory, "ca"), `https://localhost:${site.port}/healthz`]);
    expect(JSON.parse(stdout)).toEqual({ status: "ok" });
  });

  it("refuses each wrong certificate with its own code and puts it into the refusal list [S1-19] [S0-20] [T15] [N1]", async () => {
    const other = await TestCa.root({ commonName: "Other" });
    const foreign = await other.issue({ uris: [identity(agent.agentId)] });
    const cases: [string, Client][] = [
      ["certificate-missing", null],
      ["certificate-untrusted", { certPem: foreign.chainPem, keyPem: foreign.keyPem }],
      ["certificate-expired", await ownCertificate({ notBefore: new Date(Date.now() - 7_200_000), notAfter: new Date(Date.now() - 3_600_000) })],
      ["certificate-not-yet-valid", await ownCertificate({ notBefore: new Date(Date.now() + 3_600_000), notAfter: new Date(Date.now() + 7_200_000) })],
      ["certificate-purpose", await ownCertificate({ profile: "site-server" })],
      ["certificate-identity", await ownCertificate({ identityUri: null })],
      ["agent-unknown", await ownCertificate({ identityUri: identity(agent.agentId) })],
      ["agent-unknown", await ownCertificate({ identityUri: identity(agent.agentId, randomUUID()) })],
    ];
    for (const [code, client] of cases) {
      const answer = await ask(client, "GET", "/v1/policy");
      expect(answer.status, code).toBe(403);
      expect(JSON.parse(answer.body), code).toMatchObject({ error: { code } });
    }
    await until(async () => (await db().refusal.groupBy({ by: ["code"], where: { organisationId: site.organisationId, gatewayId: null } })).length >= 7, "all in the ledger", 5_000);
  });

  it("lets an agent touch its own record only: nothing it sends names another [T21]", async () => {
    const other = await enrol(await agentToken(site));
    const report = { now: new Date().toISOString(), version: "9", path: { kind: "lan" }, step: "fully-connected", policyRevision: 1, attempts: [], agentId: other.agentId };
    expect(await ask(agent.client, "POST", "/v1/status", report)).toMatchObject({ status: 400 });
    const { agentId: _foreign, ...plain } = report;
    expect(await ask(agent.client, "POST", "/v1/status", plain)).toMatchObject({ status: 200 });
    expect((await db().agent.findUniqueOrThrow({ where: { id: other.agentId } })).softwareVersion).toBe("0");
    expect((await db().agent.findUniqueOrThrow({ where: { id: agent.agentId } })).softwareVersion).toBe("9");
  });

  it("ends a revoked agent's open connection at its next request, and refuses new ones [T10] [T11]", async () => {
    const victim = await enrol(await agentToken(site));
    expect(await ask(victim.client, "GET", "/v1/time")).toMatchObject({ status: 200 });
    const socket = tls.connect({ host: "127.0.0.1", port: site.port, servername: "localhost", rejectUnauthorized: false, cert: victim.client.certPem, key: victim.client.keyPem });
    let text = "";
    socket.on("data", (chunk) => (text += chunk.toString()));
    await new Promise((resolve) => socket.once("secureConnect", resolve));
    await db().$transaction(async (tx) => {
      await tx.agent.update({ where: { id: victim.agentId }, data: { revokedAt: new Date() } });
      await writeAgentAccess(tx, site.organisationId, [victim.agentId]);
    });
    socket.write("GET /v1/policy HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await new Promise((resolve) => socket.once("close", resolve));
    expect(text).toContain("agent-revoked");
    expect(JSON.parse((await ask(victim.client, "GET", "/healthz")).body)).toMatchObject({ error: { code: "agent-revoked" } });
  });

  it("lets a bundle's certificate enrol and do nothing else [S1-59] [T21]", async () => {
    const bundleId = await makeBundle(site, { groupIds: [await makeGroup(site)] });
    const certificate = await db().$transaction((tx) => issueWithKey(tx, site.caller, { purpose: "bundle", identity: formatIdentity({ trustDomain: "sallyport.internal", organisationId: site.organisationId, kind: "bundle", id: bundleId }), bundleId }));
    const client = { certPem: certificate.chainPem, keyPem: certificate.keyPem };
    expect(JSON.parse((await ask(client, "GET", "/v1/policy")).body)).toMatchObject({ error: { code: "target-not-for-bundle" } });
    // A token of something else than this bundle is no use with it.
    expect(await enrol(await agentToken(site), makeKey(), client)).toMatchObject({ status: 403 });
  });

  it("refuses oversized heads and bodies, other content types and slow speakers, and stays alive [T04] [T06]", async () => {
    expect((await ask(agent.client, "GET", "/healthz", undefined, { "X-Long": "a".repeat(20_000) }).catch(() => ({ status: 431 }))).status).not.toBe(200);
    expect(await ask(agent.client, "POST", "/v1/logs", { lines: Array.from({ length: 300 }, () => "x".repeat(4_000)) })).toMatchObject({ status: 413 });
    expect(await ask(agent.client, "POST", "/v1/logs", { lines: ["x".repeat(5_000)] })).toMatchObject({ status: 400 });
    expect(await ask(agent.client, "POST", "/v1/logs", { lines: ["one", "two\u0000"] })).toMatchObject({ status: 204 });
    // An agent's line begins with its time: that is the row's, once. A time that cannot be right stays in the line.
    const minuteAgo = new Date(Date.now() - 60_000).toISOString();
    expect(await ask(agent.client, "POST", "/v1/logs", { lines: [`${minuteAgo} info three`, "2001-01-01T00:00:00.000Z info four"] })).toMatchObject({ status: 204 });
    const [four, three] = await db().agentLog.findMany({ where: { agentId: agent.agentId }, orderBy: { id: "desc" }, take: 2 });
    expect(three).toMatchObject({ line: "info three", at: new Date(minuteAgo) });
    expect(four?.line).toBe("2001-01-01T00:00:00.000Z info four");
    expect(await ask(agent.client, "GET", "/healthz")).toMatchObject({ status: 200 });
  });

  it("caps connections from one address that prove nothing, while a proven agent still gets in [T05]", async () => {
    const silent = Array.from({ length: 300 }, () => net.connect({ host: "127.0.0.1", port: site.port }));
    for (const socket of silent) socket.on("error", () => socket.destroy());
    await until(() => silent.filter((socket) => socket.destroyed || socket.readableEnded).length >= 40, "the surplus is closed");
    for (const socket of silent.slice(0, 100)) socket.destroy();
    await until(async () => (await ask(agent.client, "GET", "/healthz").catch(() => ({ status: 0 }))).status === 200, "the agent gets in");
    for (const socket of silent) socket.destroy();
  });

  it("says no word of HTTP to a client without TLS [S0-02]", async () => {
    const answer = await new Promise<string>((resolve) => {
      let text = "";
      const socket = net.connect({ host: "127.0.0.1", port: site.port }, () => socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
      socket.on("data", (chunk) => (text += chunk.toString("latin1")));
      socket.on("error", () => socket.destroy());
      socket.on("close", () => resolve(text));
    });
    expect(answer).not.toContain("HTTP/");
  });
});

describe("enrolment", () => {
  it("gives the same certificate again for the same token and key, and refuses a second key [T19]", async () => {
    const token = await agentToken(site);
    const key = makeKey();
    const first = await enrol(token, key);
    const again = await enrol(token, key);
    expect(again).toMatchObject({ status: 200, agentId: first.agentId, client: first.client });
    expect(JSON.parse((await enrol(token)).body)).toMatchObject({ error: { code: "token-refused" } });
  });

  it("makes one agent when fifty ask with one token at once [T19]", async () => {
    const token = await agentToken(site);
    const before = await db().agent.count();
    const answers = await Promise.all(Array.from({ length: 12 }, () => enrol(token)));
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1);
    expect(await db().agent.count()).toBe(before + 1);
  });

  it("refuses a request that asks for more than a key, and a key of another agent [T20]", async () => {
    expect(JSON.parse((await enrol(await agentToken(site), agent.client.keyPem)).body)).toMatchObject({ error: { code: "key-reused" } });
    const token = parseToken(await agentToken(site));
    if ("error" in token) throw new Error(token.error);
    const der = Buffer.from(makeCsr(makeKey()).replace(/-----[^-]+-----/g, ""), "base64");
    der[der.length - 1] = (der.at(-1) ?? 0) ^ 1; // the last byte of the signature
    const broken = `-----BEGIN CERTIFICATE REQUEST-----\n${(der.toString("base64").match(/.{1,64}/g) ?? []).join("\n")}\n-----END CERTIFICATE REQUEST-----\n`;
    const answer = await ask(null, "POST", "/v1/enrol", { secret: token.content.secret, csrPem: broken, hostname: "h", platform: "linux", version: "0", previousAgentId: null });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { code: "csr-refused" } });
  });

  it("keeps the agent's id when its own certificate proves it, keeps both certificates until the new one has worked, then ends the old [T18] [T19]", async () => {
    const first = await enrol(await agentToken(site));
    const second = await enrol(await agentToken(site), makeKey(), first.client, first.agentId);
    expect(second.agentId).toBe(first.agentId);
    expect(await ask(first.client, "GET", "/v1/time")).toMatchObject({ status: 200 });
    expect(await ask(second.client, "GET", "/v1/time")).toMatchObject({ status: 200 });
    expect(JSON.parse((await ask(first.client, "GET", "/v1/time")).body)).toMatchObject({ error: { code: "certificate-superseded" } });
    const entry = await db().accessEntry.findUniqueOrThrow({ where: { id: first.agentId } });
    expect(entry.fingerprints).toHaveLength(1);
  });

  it("takes an id in the request for nothing: only the connection's certificate proves it [T21]", async () => {
    const claimed = await enrol(await agentToken(site), makeKey(), null, agent.agentId);
    expect(claimed.status).toBe(200);
    expect(claimed.agentId).not.toBe(agent.agentId);
  });

  it("re-admits a revoked agent when an administrator's token names it [T10]", async () => {
    const lost = await enrol(await agentToken(site));
    await db().agent.update({ where: { id: lost.agentId }, data: { revokedAt: new Date() } });
    await db().certificate.updateMany({ where: { agentId: lost.agentId }, data: { revokedAt: new Date(), isCurrent: false } });
    const back = await enrol(await agentToken(site, { agentId: lost.agentId }));
    expect(back).toMatchObject({ status: 200, agentId: lost.agentId });
    expect(await ask(back.client, "GET", "/v1/time")).toMatchObject({ status: 200 });
    expect(await ask(lost.client, "GET", "/v1/time")).toMatchObject({ status: 403 });
  });

  it("tells two machines with one identity apart: the newest run is served, the older refused and named [T22]", async () => {
    const cloned = await enrol(await agentToken(site));
    const [a, b] = [randomUUID(), randomUUID()];
    const as = (instance: string) => ask(cloned.client, "GET", "/v1/time", undefined, { "Sallyport-Instance": instance });
    expect(await as(a)).toMatchObject({ status: 200 });
    expect(await as(b)).toMatchObject({ status: 200 });
    expect(JSON.parse((await as(a)).body)).toMatchObject({ error: { code: "certificate-superseded" } });
    expect(await as(b)).toMatchObject({ status: 200 });
    await until(async () => (await db().refusal.findFirst({ where: { agentId: cloned.agentId, code: "certificate-superseded" } })) !== null, "named in the ledger");
  });
});

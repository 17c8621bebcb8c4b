/** Who and what is refused, each with its own code, and without a TCP connection to any server: the back end counts its accepts. */
import { randomUUID } from "node:crypto";
import net from "node:net";
import type tls from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { refusals } from "../../contract/error-codes.ts";
import type { Refusal } from "../../contract/control.ts";
import type { RefusalCode } from "../../contract/error-codes.ts";
import { GatewayBench, readAll, readAnswer, runtimes, serverAt } from "../support/gateway-bench.ts";
import type { Answer, TestAgent } from "../support/gateway-bench.ts";
import { TestCa } from "../support/pki.ts";
import { echoServer, until } from "../support/sockets.ts";
import type { CountingServer } from "../support/sockets.ts";

const day = 24 * 3_600_000;
type Presented = { chainPem: string; keyPem: string } | undefined;

describe.each(runtimes)("refusals of an engine on %s", (runtime) => {
  let bench: GatewayBench;
  let backend: CountingServer;
  let agent: TestAgent;
  let target: string;
  beforeAll(async () => {
    backend = await echoServer();
    bench = await GatewayBench.start({ runtime }, [serverAt(backend.port), serverAt(9, { id: randomUUID(), name: "site", names: ["site.internal"], ports: [4726], isAgentSite: true })]);
    agent = await bench.agent();
    target = `app.internal:${backend.port}`;
  });
  afterEach(() => {
    expect(backend.accepted).toBe(0);
  });
  afterAll(async () => {
    await bench.close();
    await backend.close();
  });

  /** The client is answered with the code's status and Proxy-Status, and the refusal is reported with the same connection id. */
  async function expectRefused(answer: Answer, code: RefusalCode, from: number): Promise<void> {
    const { status, proxyStatus } = refusals[code];
    expect({ status: answer.status, code: answer.headers["proxy-status"] }).toEqual({ status, code: `sallyport; error=${proxyStatus}; details="${code}"` });
    expect(answer.headers["connection"]).toBe("close");
    // Equal refusals within a second are one entry with a count, under the first connection's id.
    const id = answer.headers["sallyport-connection-id"];
    const find = (): Refusal | undefined => bench.refusals.slice(from).find((one) => one.code === code && (one.connectionId === id || one.count > 1));
    await until(() => find() !== undefined, `a refusal ${code} of connection ${id ?? ""}`);
    const refusal = find() as Refusal;
    expect(refusal.source).toContain("127.0.0.1");
    expect(refusal.listenerId).toBe(bench.listener.id);
  }

  async function refuseCertificate(presented: Presented, code: RefusalCode, options: tls.ConnectionOptions = {}): Promise<void> {
    const from = bench.refusals.length;
    await expectRefused(await bench.connect(presented, target, options), code, from);
    const refusal = await bench.refusal(code, from);
    if (presented) expect(refusal.certificate?.subject).toMatch(/CN=/);
  }

  it("refuses a client without a certificate [S0-10] [S0-15] [S0-17]", async () => {
    await refuseCertificate(undefined, "certificate-missing");
  });

  it("refuses a client of another CA before any back-end socket exists, even with our names in it [S0-16] [S0-17] [T15]", async () => {
    const otherRoot = await TestCa.root({ commonName: "Other Root", organisation: "Other" });
    const other = await otherRoot.intermediate({ commonName: "Other Issuing", organisation: "Other" });
    await refuseCertificate(await other.issue({ uris: [bench.identity("agent", agent.id)] }), "certificate-untrusted");
    const selfSigned = await TestCa.root({ commonName: "self", isCa: false, usage: ["client"], uris: [bench.identity("agent", agent.id)] });
    await refuseCertificate(selfSigned.issued, "certificate-untrusted");
    const impostor = await TestCa.root({ commonName: "Acme Issuing", organisation: "Acme" });
    await refuseCertificate(await impostor.issue({ uris: [bench.identity("agent", agent.id)] }), "certificate-untrusted");
  });

  it("names a chain whose intermediate was left out, and admits the same certificate with it [S0-16]", async () => {
    const second = await bench.root.intermediate({ commonName: "Acme Issuing 2", organisation: "Acme" });
    const client = await bench.agent({}, {}, second);
    await refuseCertificate({ chainPem: client.certPem, keyPem: client.keyPem }, "certificate-chain-incomplete");
    const from = bench.refusals.length;
    // The whole chain passes the verdict: only the target is refused.
    await expectRefused(await bench.connect(client, "nowhere.internal:1"), "target-host", from);
  });

  it("refuses certificates that are expired or not yet valid [S0-16] [T15]", async () => {
    await refuseCertificate(await bench.agent({ notBefore: new Date(Date.now() - 3 * day), notAfter: new Date(Date.now() - day) }), "certificate-expired");
    await refuseCertificate(await bench.agent({ notBefore: new Date(Date.now() + day), notAfter: new Date(Date.now() + 3 * day) }), "certificate-not-yet-valid");
  });

  it("refuses certificates for another purpose, CA certificates and broken chains [T15]", async () => {
    await refuseCertificate(await bench.agent({ usage: ["server"] }), "certificate-purpose");
    await refuseCertificate(await bench.agent({ usage: null }), "certificate-purpose");
    const notCa = await bench.issuing.issue({ commonName: "not a CA", isCa: false });
    expect(notCa.fingerprint).toHaveLength(64);
    const fake = await bench.issuing.intermediate({ commonName: "no CA flag", isCa: false });
    await refuseCertificate(await bench.agent({}, {}, fake), "certificate-invalid-chain");
    const tooDeep = await bench.issuing.intermediate({ commonName: "below path length 0" });
    await refuseCertificate(await bench.agent({}, {}, tooDeep), "certificate-invalid-chain");
    await refuseCertificate(await bench.agent({ hasUnknownCritical: true }), "certificate-invalid-chain");
  });

  it("refuses weak keys and signatures, on the leaf and above it [T15] [H9]", async () => {
    // The client's own library must be told to present such a thing at all.
    const careless = { ciphers: "DEFAULT@SECLEVEL=0" };
    await refuseCertificate(await bench.agent({ key: "rsa-1024" }), "certificate-weak", careless);
    await refuseCertificate(await bench.agent({ hash: "SHA-1" }), "certificate-weak", careless);
    const sha1 = await bench.root.intermediate({ commonName: "SHA-1 CA", hash: "SHA-1" });
    await refuseCertificate(await bench.agent({}, {}, sha1), "certificate-weak", careless);
    expect((await bench.connect(await bench.agent({ key: "rsa-2048" }), "nowhere.internal:1")).headers["proxy-status"]).toContain("target-host");
  });

  it("refuses identities that are no agent of this organisation [S0-10] [T15]", async () => {
    await refuseCertificate(await bench.issuing.issue({ dns: ["agent.example"] }), "certificate-identity");
    await refuseCertificate(await bench.issuing.issue({ uris: [bench.identity("agent", agent.id, randomUUID())] }), "certificate-identity");
    await refuseCertificate(await bench.issuing.issue({ uris: [bench.identity("gateway", agent.id)] }), "certificate-identity");
    await refuseCertificate(await bench.issuing.issue({ uris: [bench.identity("agent", agent.id), bench.identity("agent", randomUUID())] }), "certificate-identity");
  });

  it("refuses unknown, superseded and revoked agents [S0-16] [T10]", async () => {
    await refuseCertificate(await bench.issuing.issue({ uris: [bench.identity("agent", randomUUID())] }), "agent-unknown");
    await refuseCertificate(await bench.issuing.issue({ uris: [bench.identity("agent", agent.id)] }), "certificate-superseded");
    const revoked = await bench.agent();
    await bench.revoke(revoked);
    await refuseCertificate(revoked, "agent-revoked");
    await refuseCertificate(await bench.agent({}, { expiresAt: Math.floor(Date.now() / 1000) - 1 }), "agent-revoked");
  });

  it("says which of no policy, disabled policy and other gateway's policy it is [S1-56]", async () => {
    const [disabled, elsewhere] = [randomUUID(), randomUUID()];
    bench.snapshot.policies.push({ id: randomUUID(), name: "off", isEnabled: false, namesThisGateway: true, groupIds: [disabled] }, { id: randomUUID(), name: "elsewhere", isEnabled: true, namesThisGateway: false, groupIds: [elsewhere] });
    await bench.applied();
    await refuseCertificate(await bench.agent({}, { groupIds: [] }), "policy-none");
    await refuseCertificate(await bench.agent({}, { groupIds: [disabled] }), "policy-disabled");
    await refuseCertificate(await bench.agent({}, { groupIds: [disabled, elsewhere] }), "policy-other-gateway");
  });

  it("refuses hosts, ports and address forms that are not assigned, without a look-up [S1-07] [T01]", async () => {
    for (const [asked, code] of [["other.internal:443", "target-host"], ["127.0.0.1:22", "target-host"], [`127.0.0.1:${backend.port}`, "target-host"], ["2130706433:80", "target-host"], ["app.internal:22", "target-port"], ["app.internal:65979", "target-malformed"], ["app.internal", "target-malformed"]] as const) {
      const from = bench.refusals.length;
      await expectRefused(await bench.connect(agent, asked), code, from);
      expect((await bench.refusal(code, from)).target).toBe(asked);
      expect((await bench.refusal(code, from)).agentId).toBe(agent.id);
    }
  });

  it("lets an enrolment bundle reach the agent site only, and no revoked bundle anything", async () => {
    const id = randomUUID();
    const bundle = await bench.issuing.issue({ uris: [bench.identity("bundle", id)] });
    await refuseCertificate(bundle, "bundle-revoked");
    await bench.allow({ kind: "bundle", id, fingerprints: [bundle.fingerprint], groupIds: [] });
    await refuseCertificate(bundle, "target-not-for-bundle");
    const from = bench.refusals.length;
    // Admitted to the agent site: what is refused is the dial, nobody listens there.
    await expectRefused(await bench.connect(bundle, "site.internal:4726"), "backend-refused", from);
  });

  it("refuses other methods, malformed and oversized heads [S0-18] [T03] [T04]", async () => {
    for (const [text, code] of [
      [`GET http://${target}/ HTTP/1.1\r\nHost: x\r\n\r\n`, "request-method"],
      [`CONNECT ${target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, "request-malformed"],
      [`CONNECT ${target} HTTP/1.1\nHost: x\n\n`, "request-malformed"],
      [`CONNECT ${target} HTTP/1.1\r\n${"x: y\r\n".repeat(200)}\r\n`, "request-head-too-large"],
      [`CONNECT ${target} HTTP/1.1\r\nHost: x\r\nbig: ${"a".repeat(2_000_000)}\r\n\r\n`, "request-head-too-large"],
    ] as const) {
      const from = bench.refusals.length;
      await expectRefused(await bench.request(agent, text), code, from);
    }
  });

  it("closes a plain HTTP request without an HTTP answer [S0-02]", async () => {
    const from = bench.refusals.length;
    const socket = net.connect(bench.listener.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    expect((await readAll(socket)).toString("latin1")).not.toContain("HTTP");
    await bench.refusal("tls-not-tls", from);
    const other = net.connect(bench.listener.port, "127.0.0.1");
    other.on("error", () => {});
    other.write("\x00\x01\x02 nonsense that is neither TLS nor HTTP\r\n\r\n");
    await readAll(other);
  });

  it("accepts TLS 1.2 and 1.3 with forward secrecy and AEAD only, and nothing older [S0-14] [H11]", async () => {
    const from = bench.refusals.length;
    await expect(bench.tls(agent, { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" })).rejects.toThrow();
    await bench.refusal("tls-version", from);
    for (const ciphers of ["AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA"]) await expect(bench.tls(agent, { maxVersion: "TLSv1.2", ciphers })).rejects.toThrow();
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const answer = await bench.connect(agent, "nowhere.internal:1", { minVersion: version, maxVersion: version });
      expect(answer.status).toBe(403);
      expect(answer.socket.getProtocol()).toBe(version);
    }
  });

  it("reads no second request from what follows a refused one [T01]", async () => {
    const from = bench.refusals.length;
    const answer = await bench.request(agent, `CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\nCONNECT ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await expectRefused(answer, "target-host", from);
    const rest = Buffer.concat([answer.rest, await readAll(answer.socket)]).toString();
    expect(rest).not.toContain("HTTP/1.1");
    await until(() => bench.group.status().connections === 0, "the connection is gone");
  });

  it("answers in clear words for people too", async () => {
    const answer = await bench.connect(undefined, target);
    const body = Buffer.concat([answer.rest, await readAll(answer.socket)]).toString();
    expect(body).toContain("certificate-missing: The client presented no certificate.");
    expect(body).toContain(answer.headers["sallyport-connection-id"]);
  });

  it("keeps reading so that a client mid-request still gets its answer", async () => {
    const socket = await bench.tls(undefined);
    socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: x\r\n`);
    const answer = await readAnswer(socket);
    expect(answer.status).toBe(403);
  });
});

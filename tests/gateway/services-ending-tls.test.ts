import { createHash, randomBytes } from "node:crypto";
import { Duplex } from "node:stream";
import tls from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { GatewayBench, readAll, runtimes } from "../support/gateway-bench.ts";
import { TestCa } from "../support/pki.ts";
import type { SnapshotService } from "../../contract/virtual-service.ts";
import type { Issued } from "../support/pki.ts";
import { certificateOf, exchange, serve, tcpTo, tlsMember, tlsTo } from "../support/service-bench.ts";
import { blackHole, countingServer, echoServer, until } from "../support/sockets.ts";

type Verify = SnapshotService["memberTls"]["verify"];

describe.each(runtimes)("services that end TLS, on %s", (runtime) => {
  let bench: GatewayBench;
  let memberCa: TestCa;
  let mail: Issued;
  let wildcard: Issued;
  let rsa: Issued;
  const closers: (() => Promise<void> | void)[] = [];

  beforeAll(async () => {
    bench = await GatewayBench.start({ runtime });
    memberCa = await TestCa.root({ commonName: "Member CA" });
    mail = await bench.issuing.issue({ dns: ["mail.example.com"], usage: ["server"] });
    wildcard = await bench.issuing.issue({ dns: ["*.apps.example.com"], usage: ["server"], key: "ec-p384" });
    rsa = await bench.issuing.issue({ dns: ["mail.example.com"], usage: ["server"], key: "rsa-2048" });
  });
  afterAll(async () => await bench.close());
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });
  const keep = <T extends { close: () => Promise<void> | void }>(thing: T): T => {
    closers.push(() => thing.close());
    return thing;
  };
  const fingerprintOf = (socket: tls.TLSSocket): string => socket.getPeerX509Certificate()?.fingerprint256.replaceAll(":", "").toLowerCase() ?? "";

  describe("off-load", () => {
    it("gives the member plaintext and presents the imported certificate that fits the name [S2-04] [S2-06] [S2-07]", async () => {
      const member = keep(await echoServer());
      const { service } = await serve(bench, [member], "tls-offload", { certificates: [certificateOf(mail), certificateOf(wildcard)] });
      for (const [servername, issued] of [["mail.example.com", mail], ["one.apps.example.com", wildcard], ["a.b.apps.example.com", mail], ["other.example.com", mail], [undefined, mail]] as const) {
        const client = await tlsTo(service.port, servername === undefined ? {} : { servername });
        expect(fingerprintOf(client), servername).toBe(issued.fingerprint);
        expect(await exchange(client, "hello")).toBe("hello");
      }
      expect(member.accepted).toBe(5);
    });

    it("moves 64 MB both ways past a reader that stops, within bounded memory [S2-04] [H12]", async () => {
      const member = keep(await echoServer());
      const { service } = await serve(bench, [member], "tls-offload", { certificates: [certificateOf(mail)] });
      await bulk(bench, await tlsTo(service.port, { servername: "mail.example.com" }));
    });

    it("loses no byte of 300 clients at once, each with a full handshake [S2-04]", async () => {
      const member = keep(await echoServer());
      const { service } = await serve(bench, [member], "tls-offload", { certificates: [certificateOf(mail)], limits: { handshakeTimeoutMs: 10_000 } });
      const payload = randomBytes(100_000);
      // Waves, so that one source never has more unfinished handshakes than it may.
      for (let wave = 0; wave < 2; wave += 1) {
        const answers = await Promise.all(Array.from({ length: 150 }, async () => await exchange(await tlsTo(service.port, { servername: "mail.example.com" }), payload)));
        expect(answers.filter((answer) => Buffer.from(answer, "latin1").equals(payload))).toHaveLength(150);
      }
    }, 60_000);

    it("answers a fragmented ClientHello, and refuses plain text and old protocol versions [S0-02] [T29] [H11]", async () => {
      const member = keep(await echoServer());
      const { service } = await serve(bench, [member], "tls-offload", { certificates: [certificateOf(mail)] });
      const dribbling = await fragmented(service.port);
      expect(await exchange(dribbling, "hello")).toBe("hello");
      await expect(tlsTo(service.port, { maxVersion: "TLSv1.1", minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" })).rejects.toThrow();
      await expect(tlsTo(service.port, { maxVersion: "TLSv1.2", ciphers: "AES128-SHA256:AES256-GCM-SHA384:ECDHE-ECDSA-AES128-SHA256" })).rejects.toThrow();
      const before = bench.refusals.length;
      const plain = await tcpTo(service.port);
      expect(await exchange(plain, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")).toBe("");
      expect(await bench.refusal("client-hello-malformed", before)).toMatchObject({ source: expect.stringContaining("127.0.0.1") });
      expect(member.accepted).toBe(1);
    });

    it("agrees only on AES-GCM where the service is restricted to approved algorithms [S1-28] [H11]", async () => {
      const member = keep(await echoServer());
      const { service } = await serve(bench, [member], "tls-offload", { certificates: [certificateOf(rsa)], algorithms: "fips" });
      const client = await tlsTo(service.port, { servername: "mail.example.com", maxVersion: "TLSv1.2" });
      expect(client.getCipher().name).toMatch(/GCM/);
      expect(await exchange(client, "ok")).toBe("ok");
      await expect(tlsTo(service.port, { maxVersion: "TLSv1.2", ciphers: "ECDHE-RSA-CHACHA20-POLY1305" })).rejects.toThrow();
      const before = bench.refusals.length;
      expect(await tlsTo(service.port, { ciphers: "TLS_CHACHA20_POLY1305_SHA256", minVersion: "TLSv1.3" }).then(async (socket) => await exchange(socket, "x"), () => "")).toBe("");
      expect(bench.refusals.slice(before).every(({ code }) => code === "tls-algorithm" || code === "tls-handshake-failed")).toBe(true);
      expect(member.accepted).toBe(1);
    });

    it("sends no byte to a member for a client that never finishes its handshake [T05] [T06]", async () => {
      const member = keep(await echoServer());
      const { service } = await serve(bench, [member], "tls-offload", { certificates: [certificateOf(mail)], limits: { handshakeTimeoutMs: 500 } });
      const before = bench.refusals.length;
      const silent = await tcpTo(service.port);
      await readAll(silent);
      expect((await bench.refusal("tls-handshake-timeout", before)).detail).toContain("500 ms");
      expect(member.accepted).toBe(0);
    });
  });

  describe("client certificates", () => {
    it("are required, optional or not asked for, and verified against the service's own anchors [T27]", async () => {
      const clientCa = await TestCa.root({ commonName: "Client CA" });
      const good = await clientCa.issue({ commonName: "client" });
      const foreign = await memberCa.issue({ commonName: "stranger" });
      const expired = await clientCa.issue({ notBefore: new Date(Date.now() - 2e9), notAfter: new Date(Date.now() - 1e9) });
      const member = keep(await echoServer());
      const anchorsPem = [clientCa.certPem];
      const certificates = [certificateOf(mail)];
      const required = await serve(bench, [member], "tls-offload", { certificates, clientCertificate: { demand: "required", anchorsPem } });
      const optional = await serve(bench, [member], "tls-offload", { certificates, clientCertificate: { demand: "optional", anchorsPem } });
      const none = await serve(bench, [member], "tls-offload", { certificates });
      const send = async (port: number, identity?: Issued, version: tls.SecureVersion = "TLSv1.3"): Promise<string> =>
        await tlsTo(port, { maxVersion: version, ...(identity ? { cert: identity.chainPem, key: identity.keyPem } : {}) }).then(async (socket) => await exchange(socket, "who"), () => "closed");
      for (const version of ["TLSv1.3", "TLSv1.2"] as const) {
        expect(await send(required.service.port, good, version)).toBe("who");
        expect(await send(optional.service.port, good, version)).toBe("who");
        expect(await send(optional.service.port, undefined, version)).toBe("who");
        expect(await send(none.service.port, foreign, version)).toBe("who");
      }
      const accepted = member.accepted;
      for (const [port, identity, code] of [[required.service.port, undefined, "certificate-missing"], [required.service.port, foreign, "certificate-untrusted"], [required.service.port, expired, "certificate-expired"], [optional.service.port, foreign, "certificate-untrusted"]] as const) {
        const before = bench.refusals.length;
        expect(await send(port, identity)).toBe("");
        expect((await bench.refusal(code, before)).target).toContain("service");
      }
      expect(member.accepted).toBe(accepted);
    });
  });

  describe("re-encryption", () => {
    it("ends TLS and begins it again with the verified member, sending the name that is set; the client sees the service's certificate only [S2-03] [S2-08] [S2-13] [S3-53] [S3-54] [S3-55]", async () => {
      const member = keep(await tlsMember(await memberCa.issue({ dns: ["mail.example.com", "inside.example.com"], ips: ["127.0.0.1"], usage: ["server"] })));
      const verify: Verify = { kind: "anchors", anchorsPem: [memberCa.certPem], name: null };
      const certificates = [certificateOf(mail)];
      for (const [serverName, expected] of [[{ kind: "client" }, "mail.example.com"], [{ kind: "fixed", name: "inside.example.com" }, "inside.example.com"], [{ kind: "member" }, ""], [{ kind: "none" }, ""]] as const) {
        const { service } = await serve(bench, [member], "tls-reencrypt", { certificates, memberTls: { verify, serverName } });
        const client = await tlsTo(service.port, { servername: "mail.example.com" });
        expect(fingerprintOf(client)).toBe(mail.fingerprint);
        expect(await exchange(client, "hello")).toBe("hello");
        expect(member.handshakes.at(-1)).toEqual({ serverName: expected, alpn: null });
      }
    });

    it("moves 64 MB both ways past a reader that stops, within bounded memory [S2-03] [H12]", async () => {
      const member = keep(await tlsMember(await memberCa.issue({ dns: ["mail.example.com"], usage: ["server"] })));
      const { service } = await serve(bench, [member], "tls-reencrypt", { certificates: [certificateOf(mail)], memberTls: { verify: { kind: "anchors", anchorsPem: [memberCa.certPem], name: null } } });
      await bulk(bench, await tlsTo(service.port, { servername: "mail.example.com" }));
    });

    it("refuses every member certificate that does not hold before a byte of the client is written [S2-19] [S3-57] [T30]", async () => {
      const selfSigned = (await TestCa.root({ commonName: "self", isCa: false, usage: ["server"], dns: ["mail.example.com"] })).issued;
      const server = { dns: ["mail.example.com"], usage: ["server"] as ("server" | "client")[] };
      const good = await memberCa.issue(server);
      const anchors = (anchorsPem: string[], name: string | null = null): Verify => ({ kind: "anchors", anchorsPem, name });
      const ours = anchors([memberCa.certPem]);
      const broken: [string, Issued, Verify, RegExp][] = [
        ["a wrong name", await memberCa.issue({ ...server, dns: ["other.example.com"] }), ours, /not for mail\.example\.com/],
        ["a name in the subject only", await memberCa.issue({ ...server, dns: [], commonName: "mail.example.com" }), ours, /not for mail\.example\.com/],
        ["a name other than the one demanded", good, anchors([memberCa.certPem], "member-7.example.com"), /not for member-7/],
        ["an unknown CA", good, anchors([bench.root.certPem]), /leads to no anchor/],
        ["an unknown CA, with the default anchors", good, anchors([]), /leads to no anchor/],
        ["an expired certificate", await memberCa.issue({ ...server, notBefore: new Date(Date.now() - 2e9), notAfter: new Date(Date.now() - 1e9) }), ours, /expired/],
        ["a self-signed certificate", selfSigned, ours, /self-signed/],
        ["a client's certificate", await memberCa.issue({ ...server, usage: ["client"] }), ours, /not for servers|INVALID_PURPOSE|UNSPECIFIED|refused/],
        ["a SHA-1 signature", await memberCa.issue({ ...server, hash: "SHA-1" }), ours, /SHA-1|refused|signature/i],
        ["another leaf than the pinned one", good, { kind: "pinned", fingerprints: [selfSigned.fingerprint] }, /none of the pinned/],
      ];
      for (const [what, identity, verify, reason] of broken) {
        const member = keep(await tlsMember(identity));
        const { service } = await serve(bench, [member], "tls-reencrypt", { certificates: [certificateOf(mail)], memberTls: { verify } });
        const before = bench.refusals.length;
        expect(await exchange(await tlsTo(service.port, { servername: "mail.example.com" }), "secret"), what).toBe("");
        const refusal = await bench.refusal("member-certificate", before).catch(async (cause: unknown) => await bench.refusal("member-tls", before).catch(() => Promise.reject(new Error(what, { cause }))));
        expect(refusal.detail, what).toMatch(reason);
        expect(member.received, what).toBe(0);
      }
    });

    it("accepts a pinned leaf whoever issued it, the organisation's CA by default, an address in the certificate, and anything when verification is off [S3-57]", async () => {
      const selfSigned = (await TestCa.root({ commonName: "self", isCa: false, usage: ["server"], dns: ["nowhere.example"] })).issued;
      const own = await bench.issuing.issue({ dns: ["mail.example.com"], usage: ["server"] });
      const byAddress = await memberCa.issue({ ips: ["127.0.0.1"], usage: ["server"] });
      const good: [Issued, Partial<SnapshotService["memberTls"]>][] = [
        [selfSigned, { verify: { kind: "pinned", fingerprints: [selfSigned.fingerprint] } }],
        [selfSigned, { verify: { kind: "off" } }],
        [own, { verify: { kind: "anchors", anchorsPem: [], name: null } }],
        [byAddress, { verify: { kind: "anchors", anchorsPem: [memberCa.certPem], name: null }, serverName: { kind: "none" } }],
        [byAddress, { verify: { kind: "anchors", anchorsPem: [memberCa.certPem], name: "127.0.0.1" } }],
      ];
      for (const [identity, memberTls] of good) {
        const member = keep(await tlsMember(identity));
        const { service } = await serve(bench, [member], "tls-reencrypt", { certificates: [certificateOf(mail)], memberTls });
        expect(await exchange(await tlsTo(service.port, { servername: "mail.example.com" }), "hello"), JSON.stringify(memberTls)).toBe("hello");
      }
    });

    it("trusts a member that sends its leaf alone once root and intermediate are both given [S3-56]", async () => {
      const internal = await memberCa.intermediate({ commonName: "Internal Issuing CA" });
      const leaf = await internal.issue({ dns: ["mail.example.com"], usage: ["server"] });
      const member = keep(await tlsMember({ chainPem: leaf.certPem, keyPem: leaf.keyPem }));
      for (const [anchorsPem, answer] of [[[memberCa.certPem, internal.certPem], "hello"], [[memberCa.certPem], ""]] as const) {
        const { service } = await serve(bench, [member], "tls-reencrypt", { certificates: [certificateOf(mail)], memberTls: { verify: { kind: "anchors", anchorsPem: [...anchorsPem], name: null } } });
        expect(await exchange(await tlsTo(service.port, { servername: "mail.example.com" }), "hello")).toBe(answer);
      }
      expect((await bench.refusal("member-certificate")).detail).toBeTruthy();
    });

    it("outlives clients and members that reset at any moment, and holds nothing of them [T30] [H1] [T09]", async () => {
      const member = keep(await tlsMember(await memberCa.issue({ dns: ["mail.example.com"], usage: ["server"] }), { serve: (socket) => void socket.on("data", () => socket.write("answer")) }));
      const nasty = setInterval(() => {
        for (const socket of member.open) if (Math.random() < 0.3) socket.resetAndDestroy();
      }, 3);
      const pid = bench.enginePid();
      const { service } = await serve(bench, [member], "tls-reencrypt", { certificates: [certificateOf(mail)], memberTls: { verify: { kind: "anchors", anchorsPem: [memberCa.certPem], name: null } }, pool: { passiveCheck: null } });
      const before = bench.descriptors();
      const once = async (index: number): Promise<void> => {
        const raw = await tcpTo(service.port).catch(() => undefined);
        if (!raw) return;
        const over = new Promise<void>((resolve) => void raw.once("close", () => resolve()));
        const client = tls.connect({ socket: raw, servername: "mail.example.com", rejectUnauthorized: false }).on("error", () => {});
        client.write("hello");
        setTimeout(() => (index % 3 === 0 ? raw.resetAndDestroy() : index % 3 === 1 ? raw.end(Buffer.from("16030300ff00", "hex")) : client.destroy()), (index * 7) % 23);
        setTimeout(() => raw.destroy(), 300);
        await over;
      };
      for (let wave = 0; wave < 12; wave += 1) await Promise.all(Array.from({ length: 50 }, async (_, index) => await once(wave * 50 + index)));
      clearInterval(nasty);
      await until(() => bench.group.loads().find(({ serviceId }) => serviceId === service.id)?.connections === 0, "no connection is left");
      expect(bench.enginePid()).toBe(pid);
      await until(() => bench.descriptors() <= before + 8, "no descriptor is left");
    }, 60_000);

    it("names a member that speaks no TLS, never answers or is not there [T30]", async () => {
      const plain = keep(await countingServer((socket) => void socket.end("220 no TLS here\r\n")));
      const mute = keep(await countingServer(() => {}));
      const hole = keep(await blackHole());
      const certificates = [certificateOf(mail)];
      const limits = { connectTimeoutMs: 300 };
      for (const [port, code] of [[plain.port, "member-tls"], [mute.port, "member-tls"], [hole.port, "backend-timeout"], [1, "backend-refused"]] as const) {
        const { service } = await serve(bench, [{ port }], "tls-reencrypt", { certificates, limits });
        const before = bench.refusals.length;
        expect(await exchange(await tlsTo(service.port, { servername: "mail.example.com" }), "hello")).toBe("");
        expect((await bench.refusal(code, before)).detail).toContain("member 1");
      }
    });
  });
});

/** Sends 64 MB, reads nothing for a while, then compares what the echo gives back. */
async function bulk(bench: GatewayBench, client: tls.TLSSocket): Promise<void> {
  const total = 64 << 20;
  const block = randomBytes(1 << 16);
  const sent = createHash("sha256");
  const before = bench.residentBytes();
  let written = 0;
  const pump = (): void => {
    while (written < total) {
      written += block.length;
      sent.update(block);
      if (!client.write(block)) return void client.once("drain", pump);
    }
    client.end();
  };
  pump();
  let last = -1;
  await until(async () => {
    const still = last === written;
    last = written;
    await new Promise((resolve) => setTimeout(resolve, 200));
    return still && written < total;
  }, "the writer is held back");
  expect(bench.residentBytes() - before).toBeLessThan(48e6);
  expect(createHash("sha256").update(await readAll(client)).digest("hex")).toBe(sent.digest("hex"));
}

/** A handshake whose first 40 bytes come one by one. */
async function fragmented(port: number): Promise<tls.TLSSocket> {
  const raw = await tcpTo(port);
  const stream = new Duplex({
    allowHalfOpen: true,
    read: () => {},
    write: (chunk: Buffer, _encoding, done) => {
      void (async () => {
        for (let at = 0; at < Math.min(40, chunk.length); at += 1) {
          raw.write(chunk.subarray(at, at + 1));
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
        raw.write(chunk.subarray(40), () => done());
      })();
    },
    final: (done) => void raw.end(done),
  });
  raw.on("data", (chunk: Buffer) => void stream.push(chunk)).on("end", () => void stream.push(null));
  const socket = tls.connect({ socket: stream, servername: "mail.example.com", rejectUnauthorized: false });
  await new Promise<void>((resolve, reject) => void socket.once("secureConnect", resolve).once("error", reject));
  return socket;
}

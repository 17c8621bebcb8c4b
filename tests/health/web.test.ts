/** TCP, TLS and HTTP(S) checks against real nginx and apache, and against servers that answer badly (T31). */
import type net from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Daemon, hasApache, hasNginx, startApache, startNginx } from "../support/daemons.ts";
import { type CertificateOptions, type Issued, TestCa } from "../support/pki.ts";
import { probed } from "../support/probing.ts";
import { blackHole, countingServer, freePort } from "../support/sockets.ts";

const day = 86_400_000;
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function serving(serve: (socket: net.Socket) => void): Promise<number> {
  const server = await countingServer(serve);
  closers.push(server.close);
  return server.port;
}

/** Answers the first bytes of a request with this text, and leaves the connection open. */
async function answering(text: string): Promise<number> {
  return await serving((socket) => void socket.once("data", () => socket.write(text)));
}

type Kind = "good" | "expired" | "future" | "soon" | "selfSigned" | "noIssuer" | "client";
type Site = { ca: TestCa; issued: Record<Kind, Issued>; ports: Record<Kind | "http", number>; daemon: Daemon };

async function certificates(ca: TestCa): Promise<Record<Kind, Issued>> {
  const issuing = await ca.intermediate();
  const of = async (options: CertificateOptions): Promise<Issued> => await ca.issue({ dns: ["app.corp.example"], usage: ["server"], ...options });
  const hidden = await issuing.issue({ dns: ["app.corp.example"], usage: ["server"] });
  return {
    good: await issuing.issue({ dns: ["app.corp.example", "*.apps.corp.example"], ips: ["127.0.0.1"], usage: ["server"] }),
    expired: await of({ notBefore: new Date(Date.now() - 40 * day), notAfter: new Date(Date.now() - 10 * day - 3_600_000) }),
    future: await of({ notBefore: new Date(Date.now() + day) }),
    soon: await of({ notAfter: new Date(Date.now() + 5 * day + 3_600_000) }),
    selfSigned: (await TestCa.root({ commonName: "app.corp.example", dns: ["app.corp.example"], isCa: false, usage: ["server"] })).issued,
    noIssuer: { ...hidden, chainPem: hidden.certPem },
    client: await of({ usage: ["client"] }),
  };
}

const nginxServer = (port: number, kind: string): string => `server { listen 127.0.0.1:${port} ssl; ssl_certificate ${kind}.pem; ssl_certificate_key ${kind}.key; location = /healthz { return 200 "all good"; } location = /gone { return 503; } location = /moved { return 302 /healthz; } }`;
const apacheServer = (port: number, kind: string): string => `Listen 127.0.0.1:${port}\n<VirtualHost 127.0.0.1:${port}>\nSSLEngine on\nSSLCertificateFile ${kind}.pem\nSSLCertificateKeyFile ${kind}.key\n</VirtualHost>`;

async function startSite(program: "nginx" | "apache"): Promise<Site> {
  const ca = await TestCa.root();
  const issued = await certificates(ca);
  const kinds = Object.keys(issued) as Kind[];
  const ports = Object.fromEntries(await Promise.all([...kinds, "http" as const].map(async (kind) => [kind, await freePort()]))) as Site["ports"];
  const files = Object.fromEntries(kinds.flatMap((kind) => [[`${kind}.pem`, issued[kind].chainPem], [`${kind}.key`, issued[kind].keyPem]]));
  const all = [ports.http, ...kinds.map((kind) => ports[kind])];
  const daemon = program === "nginx"
    ? await startNginx({ http: `${kinds.map((kind) => nginxServer(ports[kind], kind)).join("\n")} server { listen 127.0.0.1:${ports.http}; location = /healthz { return 200 "all good"; } location = /moved { return 302 /healthz; } location = /host { return 200 "host=$http_host agent=$http_user_agent"; } }`, ports: all, files })
    : await startApache({ config: `Listen 127.0.0.1:${ports.http}\nRewriteEngine on\nRewriteRule ^/moved$ /healthz [R=302,L]\n<VirtualHost 127.0.0.1:${ports.http}>\nRewriteEngine on\nRewriteRule ^/moved$ /healthz [R=302,L]\n</VirtualHost>\n${kinds.map((kind) => apacheServer(ports[kind], kind)).join("\n")}`, ports: all, files: { ...files, "www/healthz": "all good", "www/gone.txt": "here" } });
  return { ca, issued, ports, daemon };
}

describe.each([["nginx", hasNginx], ["apache", hasApache]] as const)("members that are a real %s", (program, isThere) => {
  describe.skipIf(!isThere)(isThere ? "on loopback" : `(skipped: ${program} with TLS is not installed)`, () => {
    let site: Site;
    beforeAll(async () => {
      site = await startSite(program);
    });
    afterAll(async () => await site.daemon.stop());
    const named = { serverName: "app.corp.example" };
    const trusting = (): { anchorsPem: string[] } => ({ anchorsPem: [site.ca.certPem] });

    it("passes TCP, TLS, HTTP and HTTPS checks, and keeps the certificate", async () => {
      expect(await probed(site.ports.good, { kind: "tcp" })).toMatchObject({ state: "up", cause: "mail1: up", certificate: null });
      const seen = { fingerprint: site.issued.good.fingerprint, subject: "CN=leaf", issuer: "CN=Test Issuing CA", names: ["app.corp.example", "*.apps.corp.example", "127.0.0.1"], isVerified: true, problem: null };
      expect(await probed(site.ports.good, { kind: "tls", ...named }, trusting())).toMatchObject({ state: "up", certificate: seen });
      expect(await probed(site.ports.http, { kind: "http", path: "/healthz", bodyContains: "all good" })).toMatchObject({ state: "up", certificate: null });
      expect(await probed(site.ports.good, { kind: "http", isTls: true, path: "/healthz", bodyContains: "all good", ...named }, trusting())).toMatchObject({ state: "up", certificate: seen });
      expect(await probed(site.ports.http, { kind: "http", method: "HEAD", path: "/healthz" })).toMatchObject({ state: "up" });
    });

    it("passes by an anchor that the check lists, and asks for no name where the member is an address and none is configured", async () => {
      expect((await probed(site.ports.good, { kind: "tls", anchorsPem: [site.ca.certPem] })).state).toBe("up");
      expect((await probed(site.ports.good, { kind: "tls", anchorsPem: [site.ca.certPem], serverName: "127.0.0.1" })).state).toBe("up");
      expect((await probed(site.ports.good, { kind: "tls", anchorsPem: [site.ca.certPem], serverName: "x.apps.corp.example" })).state).toBe("up");
    });

    it.each<[Kind, string, RegExp]>([
      ["expired", "app.corp.example", /its certificate expired on \d{4}-\d\d-\d\d, 10 days ago$/],
      ["future", "app.corp.example", /is not valid yet \(it begins /],
      ["good", "other.corp.example", /its certificate is not for other\.corp\.example; its names are "DNS:app\.corp\.example, DNS:\*\.apps\.corp\.example, IP Address:127\.0\.0\.1"$/],
      ["selfSigned", "app.corp.example", /its certificate is self-signed and none of the check's anchors/],
      ["noIssuer", "app.corp.example", /was issued by CN=Test Issuing CA, which leads to none of the check's anchors; it may not send an intermediate certificate/],
      ["client", "app.corp.example", /its certificate is not for servers/],
    ])("calls a member down whose certificate is %s for %s, says why, and keeps it [T31]", async (kind, serverName, reason) => {
      const result = await probed(site.ports[kind], { kind: "tls", serverName }, trusting());
      expect(result).toMatchObject({ state: "down", certificate: { fingerprint: site.issued[kind].fingerprint, isVerified: false } });
      expect(result.cause).toMatch(reason);
      const unverified = await probed(site.ports[kind], { kind: "tls", serverName, verify: "off" }, trusting());
      expect(unverified).toMatchObject({ state: "up", certificate: { fingerprint: site.issued[kind].fingerprint, isVerified: false } });
      expect(unverified.certificate?.problem).toMatch(reason);
    });

    it("fails when fewer days are left than wanted, verified or not [T31]", async () => {
      expect((await probed(site.ports.soon, { kind: "tls", ...named, daysLeftMin: 5 }, trusting())).state).toBe("up");
      const result = await probed(site.ports.soon, { kind: "tls", ...named, daysLeftMin: 30 }, trusting());
      expect(result).toMatchObject({ state: "down", certificate: { isVerified: true } });
      expect(result.cause).toMatch(/its certificate expires on \d{4}-\d\d-\d\d, in 5 days; the check wants at least 30$/);
      expect((await probed(site.ports.soon, { kind: "tls", ...named, verify: "off", daysLeftMin: 30 })).state).toBe("down");
    });

    it("judges status and body, and does not follow a redirect", async () => {
      expect((await probed(site.ports.http, { kind: "http", path: "/nowhere" })).cause).toBe(`mail1: down; 127.0.0.1:${site.ports.http} answered GET /nowhere with 404; expected 200 to 399`);
      expect((await probed(site.ports.http, { kind: "http", path: "/nowhere", statusFrom: 404, statusTo: 404 })).state).toBe("up");
      expect((await probed(site.ports.http, { kind: "http", path: "/healthz", bodyContains: "all bad" })).cause).toBe(`mail1: down; 127.0.0.1:${site.ports.http} answered GET /healthz with 200, but its body does not contain "all bad"`);
      expect((await probed(site.ports.http, { kind: "http", path: "/moved" })).state).toBe("up");
      expect((await probed(site.ports.http, { kind: "http", path: "/moved", statusTo: 299 })).cause).toContain("with 302; expected 200 to 299");
    });

    it("says that a plain port does not speak TLS, and that a TLS port does not speak plain HTTP", async () => {
      expect((await probed(site.ports.http, { kind: "tls", verify: "off" })).cause).toMatch(/does not speak TLS on this port$/);
      expect((await probed(site.ports.good, { kind: "http", path: "/healthz" })).cause).toMatch(/with 400; expected 200 to 399$/);
    });
  });
});

describe.skipIf(!hasNginx)(`members that demand the PROXY protocol${hasNginx ? "" : " (skipped: nginx is not installed)"}`, () => {
  it("are checked with the header that services send them, and fail without it", async () => {
    const ca = await TestCa.root();
    const leaf = await ca.issue({ dns: ["app.corp.example"], usage: ["server"] });
    const [plain, secure] = [await freePort(), await freePort()];
    const server = (listen: string): string => `server { listen 127.0.0.1:${listen} proxy_protocol; ssl_certificate leaf.pem; ssl_certificate_key leaf.key; location / { return 200 "from $proxy_protocol_addr"; } }`;
    const nginx = await startNginx({ http: `${server(String(plain))} ${server(`${secure} ssl`)}`, ports: [plain, secure], files: { "leaf.pem": leaf.chainPem, "leaf.key": leaf.keyPem } });
    closers.push(nginx.stop);
    for (const proxyVersion of [1, 2] as const) {
      expect((await probed(plain, { kind: "http" }, { proxyVersion })).cause).toBe("mail1: up");
      expect((await probed(secure, { kind: "tls", anchorsPem: [ca.certPem], serverName: "app.corp.example" }, { proxyVersion })).cause).toBe("mail1: up");
      expect((await probed(secure, { kind: "http", isTls: true, verify: "off" }, { proxyVersion })).cause).toBe("mail1: up");
    }
    expect((await probed(plain, { kind: "http" })).state).toBe("down");
    expect((await probed(1, { kind: "http", port: plain }, { proxyVersion: 2 })).state).toBe("down");
  });
});

describe("what an HTTP check sends", () => {
  it.each([
    [{}, (port: number) => `127.0.0.1:${port}`],
    [{ hostHeader: "app.corp.example" }, () => "app.corp.example"],
  ])("asks for the configured host, or the member's own name and port %j", async (more, host) => {
    const heads: string[] = [];
    const port = await serving((socket) => void socket.once("data", (bytes) => {
      heads.push(bytes.toString("latin1"));
      socket.end("HTTP/1.1 204 No Content\r\n\r\n");
    }));
    expect((await probed(port, { kind: "http", path: "/a?b=c", ...more })).state).toBe("up");
    expect(heads[0]).toContain("GET /a?b=c HTTP/1.1\r\n");
    expect(heads[0]).toContain(`Host: ${host(port)}\r\n`);
    expect(heads[0]?.match(/^host:/gim)).toHaveLength(1);
  });
});

describe("members that answer badly", () => {
  it("cuts a body without end after 64 KiB, with and without a length [T31]", async () => {
    for (const head of ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"]) {
      const piece = Buffer.alloc(8_192, "x");
      const frame = head.includes("chunked") ? Buffer.concat([Buffer.from("2000\r\n"), piece, Buffer.from("\r\n")]) : piece;
      let sent = 0;
      const port = await serving((socket) => void socket.once("data", () => {
        socket.write(head);
        const timer = setInterval(() => socket.write(frame) && (sent += frame.length), 1);
        socket.on("close", () => clearInterval(timer));
      }));
      const result = await probed(port, { kind: "http", bodyContains: "never" });
      expect(result.cause).toBe(`mail1: down; 127.0.0.1:${port} answered GET / with 200, but the first 64 KiB of its body do not contain "never"`);
      expect(result.tookMs).toBeLessThan(1_900);
      expect(sent).toBeLessThan(2_000_000);
    }
  });

  it("does not read the body at all where no text is wanted, and finds text that is split over chunks", async () => {
    const endless = await answering("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nstart");
    const result = await probed(endless, { kind: "http" });
    expect(result.state).toBe("up");
    expect(result.tookMs).toBeLessThan(1_500);
    const chunked = await answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nall \r\n4\r\ngood\r\n");
    expect((await probed(chunked, { kind: "http", bodyContains: "all good" })).state).toBe("up");
  });

  it.each([
    ["", /accepted the connection, but 400 ms were over before its answer came$/],
    ["HTTP/1.1 200 OK\r\nX-Slow: ", /accepted the connection, but 400 ms were over before its answer came$/],
    ["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst", /accepted the connection, but 400 ms were over before "wanted" came in the body$/],
    ["220 mail.example ESMTP\r\n", /did not answer in HTTP\/1\.1/],
    [`HTTP/1.1 200 OK\r\nX-Big: ${"x".repeat(40_000)}`, /answered with a head of more than 32 KiB$/],
  ])("ends the check at its time-out or bound, and says at what (case %#) [T31]", async (text, reason) => {
    const result = await probed(await answering(text), { kind: "http", timeoutMs: 400, bodyContains: "wanted" });
    expect(result.state).toBe("down");
    expect(result.cause).toMatch(reason);
    expect(result.tookMs).toBeLessThan(1_500);
  });

  it.each([
    ["closes", (socket: net.Socket) => void socket.once("data", () => socket.end()), /closed the connection before its answer came$/],
    ["resets", (socket: net.Socket) => void socket.once("data", () => socket.resetAndDestroy()), /reset the connection before its answer came$/],
  ])("says that a member %s instead of answering", async (_, serve, reason) => {
    expect((await probed(await serving(serve), { kind: "http" })).cause).toMatch(reason);
  });

  it("ends a TLS handshake that never comes to an end, and one that is refused", async () => {
    const silent = await probed(await serving(() => {}), { kind: "tls", timeoutMs: 400, verify: "off" });
    expect(silent.cause).toMatch(/accepted the connection, but 400 ms were over before the TLS handshake was finished$/);
    expect(silent.tookMs).toBeLessThan(1_500);
    const closing = await probed(await serving((socket) => void socket.once("data", () => socket.end())), { kind: "tls", verify: "off" });
    expect(closing.cause).toMatch(/closed the connection during the TLS handshake; is it a TLS port\?$/);
  });

  it("stops waiting for packets that are dropped at the time-out", async () => {
    const hole = await blackHole();
    closers.push(hole.close);
    for (const kind of ["tcp", "tls", "http", "smtp"] as const) {
      const result = await probed(hole.port, { kind, timeoutMs: 300 });
      expect(result.cause).toBe(`mail1: down; 127.0.0.1:${hole.port} did not accept a connection within 300 ms`);
      expect(result.tookMs).toBeLessThan(1_500);
    }
  });
});

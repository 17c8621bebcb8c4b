/** SMTP checks against servers that greet in every wrong and right way (T31), and against a real postfix. */
import type net from "node:net";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { hasPostfix, startPostfix } from "../support/mail.ts";
import { type Issued, TestCa } from "../support/pki.ts";
import { probed } from "../support/probing.ts";
import { blackHole, countingServer, freePort, until } from "../support/sockets.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** A server that runs `serve` on each connection; its port. */
async function serving(serve: (socket: net.Socket) => void): Promise<number> {
  const server = await countingServer(serve);
  closers.push(server.close);
  return server.port;
}

/** Greets with these pieces, `gapMs` apart, then answers commands in order. */
async function mailServer(greeting: string[], answers: string[] = ["250 mail.example\r\n", "221 bye\r\n"], gapMs = 15): Promise<{ port: number; heard: string[] }> {
  const heard: string[] = [];
  const port = await serving((socket) => {
    greeting.forEach((piece, index) => setTimeout(() => socket.write(piece), index * gapMs));
    const queue = [...answers];
    socket.on("data", (bytes) => {
      heard.push(bytes.toString("latin1"));
      const answer = queue.shift();
      if (answer !== undefined) socket.write(answer);
    });
  });
  return { port, heard };
}

const nothing = { kind: "smtp" } as const;

describe("greetings", () => {
  it("passes on 220, says EHLO with the configured name, and leaves with QUIT [S3-16]", async () => {
    const { port, heard } = await mailServer(["220 mail.example SMTP service ready\r\n"]);
    expect(await probed(port, { kind: "smtp", ehloName: "gw.corp.example" })).toMatchObject({ state: "up", cause: "mail1: up", certificate: null });
    await until(() => heard.length === 2, "QUIT arrives");
    expect(heard.join("")).toBe("EHLO gw.corp.example\r\nQUIT\r\n");
  });

  it("passes on a greeting split over segments byte by byte [T31]", async () => {
    const { port } = await mailServer([..."220 mail.example ESMTP\r\n"], undefined, 5);
    expect((await probed(port, nothing)).state).toBe("up");
  });

  it("passes on a greeting of several lines, split inside a line end, and on an EHLO answer of several lines [T31]", async () => {
    const { port } = await mailServer(["220-mail.example\r", "\n220-wait\r\n22", "0 ready\r\n"], ["250-mail.example\r\n250-SIZE 1\r\n250 8BITMIME\r\n"]);
    expect((await probed(port, nothing)).state).toBe("up");
  });

  it.each([
    ["421 4.3.2 too busy", `greeted with "421 4.3.2 too busy" instead of 220`],
    ["450 later", `greeted with "450 later" instead of 220`],
    ["554 5.7.1 not for you", `greeted with "554 5.7.1 not for you" instead of 220`],
    ["250 hello", `greeted with "250 hello" instead of 220`],
  ])("calls a member down that greets with %s, and quotes it [T31]", async (greeting, reason) => {
    const { port } = await mailServer([`${greeting}\r\n`]);
    expect(await probed(port, nothing)).toMatchObject({ state: "down", cause: `mail1: down; 127.0.0.1:${port} ${reason}` });
  });

  it("does not wait for a banner beyond the time-out, and says how long it waited [T31]", async () => {
    const { port } = await mailServer(["", "220 late\r\n"], [], 3_000);
    const result = await probed(port, { kind: "smtp", timeoutMs: 400 });
    expect(result).toMatchObject({ state: "down", cause: `mail1: down; 127.0.0.1:${port} accepted the connection, but 400 ms were over before its greeting came` });
    expect(result.tookMs).toBeLessThan(1_500);
  });

  it("cuts a trickled banner at the time-out of the whole check [T31]", async () => {
    const { port } = await mailServer(Array.from({ length: 200 }, () => "220-x\r\n"), [], 50);
    const result = await probed(port, { kind: "smtp", timeoutMs: 500 });
    expect(result.state).toBe("down");
    expect(result.tookMs).toBeLessThan(1_500);
  });

  it("cuts a banner without end at its size [T31]", async () => {
    const port = await serving((socket) => void socket.write(`220 ${"x".repeat(1_000_000)}`));
    const result = await probed(port, nothing);
    expect(result.cause).toContain("a line of more than 2048 bytes");
    expect(result.tookMs).toBeLessThan(1_500);
  });

  it("says that another protocol is no SMTP", async () => {
    const port = await serving((socket) => void socket.write("SSH-2.0-OpenSSH_9.2\r\n"));
    expect((await probed(port, nothing)).cause).toBe(`mail1: down; 127.0.0.1:${port} sent no SMTP reply: "SSH-2.0-OpenSSH_9.2"`);
  });

  it.each([
    ["closes", (socket: net.Socket) => void socket.end(), /closed the connection before its greeting came$/],
    ["resets", (socket: net.Socket) => void socket.resetAndDestroy(), /reset the connection (before its greeting came|as soon as it was open)$/],
  ])("says that a member %s before its greeting", async (_, serve, reason) => {
    const port = await serving(serve);
    expect((await probed(port, nothing)).cause).toMatch(reason);
  });

  it("asks with HELO where EHLO is not known, and is down when that fails too", async () => {
    const old = await mailServer(["220 old\r\n"], ["502 no EHLO\r\n", "250 hello\r\n"]);
    expect((await probed(old.port, nothing)).state).toBe("up");
    expect(old.heard.slice(0, 2)).toEqual(["EHLO gateway.invalid\r\n", "HELO gateway.invalid\r\n"]);
    const dead = await mailServer(["220 old\r\n"], ["502 no EHLO\r\n", "550 no\r\n"]);
    expect((await probed(dead.port, nothing)).cause).toBe(`mail1: down; 127.0.0.1:${dead.port} answered EHLO with "502 no EHLO" and HELO with "550 no"`);
  });
});

describe("the next hop", () => {
  const withHop = (port: number, more: object = {}): { kind: "smtp"; nextHop: object } => ({ kind: "smtp", nextHop: { host: "127.0.0.1", port }, ...more });

  it.each([
    ["closes", (socket: net.Socket) => void socket.end(), "closed the connection before its greeting came"],
    ["resets", (socket: net.Socket) => void setTimeout(() => socket.resetAndDestroy(), 30), "reset the connection before its greeting came"],
    ["stays silent", () => {}, "accepted the connection, but 500 ms were over before its greeting came"],
    ["answers 421", (socket: net.Socket) => void socket.write("421 4.4.1 next hop gone\r\n"), `greeted with "421 4.4.1 next hop gone" instead of 220`],
    ["answers 451", (socket: net.Socket) => void socket.write("451 4.4.1 try later\r\n"), `greeted with "451 4.4.1 try later" instead of 220`],
  ])("is named when a member accepts and %s [N6] [S3-17] [S3-18]", async (_, serve, reason) => {
    const port = await serving(serve);
    const hop = await freePort();
    expect(await probed(port, withHop(hop, { timeoutMs: 500 }))).toMatchObject({
      state: "next-hop",
      cause: `mail1: up; next hop 127.0.0.1:${hop} refused the connection when this gateway probed it; 127.0.0.1:${port} ${reason}`,
    });
  });

  it("is named when a member resets the connection in the instant it accepts it [N6]", async () => {
    const port = await serving((socket) => void socket.resetAndDestroy());
    const result = await probed(port, withHop(await freePort()));
    expect(result.state).toBe("next-hop");
    expect(result.cause).toMatch(/reset the connection (before its greeting came|as soon as it was open)$/);
  });

  it("is named when the member's answer to EHLO is 4xx", async () => {
    const { port } = await mailServer(["220 proxy\r\n"], ["421 next hop gone\r\n"]);
    const hop = await freePort();
    expect((await probed(port, withHop(hop))).cause).toBe(`mail1: up; next hop 127.0.0.1:${hop} refused the connection when this gateway probed it; 127.0.0.1:${port} answered EHLO with "421 next hop gone"`);
  });

  it("is told apart from the way to it: the cause says that this gateway reaches it [S3-19]", async () => {
    const hop = await mailServer(["220 mta\r\n"]);
    const port = await serving((socket) => void socket.end());
    expect(await probed(port, withHop(hop.port))).toMatchObject({
      state: "next-hop",
      cause: `mail1: up; 127.0.0.1:${port} closed the connection before its greeting came; next hop 127.0.0.1:${hop.port} answers this gateway, so check the way from mail1 to it, and mail1 itself`,
    });
  });

  it("is reported with what it does: drops packets, or turns away", async () => {
    const member = await mailServer(["220 mail\r\n"]);
    const hole = await blackHole();
    closers.push(hole.close);
    expect((await probed(member.port, withHop(hole.port, { timeoutMs: 500 }))).cause).toBe(`mail1: up; next hop 127.0.0.1:${hole.port} did not accept a connection within 500 ms when this gateway probed it; mail1 itself still answers`);
    const busy = await mailServer(["421 full\r\n"]);
    expect((await probed(member.port, withHop(busy.port))).cause).toBe(`mail1: up; next hop 127.0.0.1:${busy.port} greeted with "421 full" instead of 220 when this gateway probed it; mail1 itself still answers`);
  });

  it.each([
    ["refuses connections", undefined, "refused the connection"],
    ["greets with 554", "554 no\r\n", `greeted with "554 no" instead of 220`],
    ["is no mail server", "HTTP/1.1 400 Bad Request\r\n", `sent no SMTP reply: "HTTP/1.1 400 Bad Request"`],
  ])("is no excuse for a member that %s: it is down [N6]", async (_, greeting, reason) => {
    const port = greeting === undefined ? await freePort() : await serving((socket) => void socket.write(greeting));
    expect(await probed(port, withHop(await freePort()))).toMatchObject({ state: "down", cause: `mail1: down; 127.0.0.1:${port} ${reason}` });
  });
});

describe.skipIf(!hasPostfix)(`STARTTLS with a real postfix${hasPostfix ? "" : " (skipped: needs root and postfix)"}`, () => {
  let ca: TestCa;
  let good: Issued;
  beforeAll(async () => {
    ca = await TestCa.root();
    good = await ca.issue({ dns: ["mta.corp.example"], usage: ["server"] });
  });
  const check = { kind: "smtp", startTls: "required", serverName: "mta.corp.example" } as const;

  it("verifies the member's certificate and keeps what it saw [S3-16]", async () => {
    const mta = await startPostfix({ port: await freePort(), tls: good });
    closers.push(mta.remove);
    const passed = await probed(mta.port, check, { anchorsPem: [ca.certPem] });
    expect(passed).toMatchObject({ state: "up", certificate: { fingerprint: good.fingerprint, names: ["mta.corp.example"], isVerified: true, problem: null } });
    const other = await probed(mta.port, { ...check, serverName: "other.example" }, { anchorsPem: [ca.certPem] });
    expect(other).toMatchObject({ state: "down", cause: `mail1: down; 127.0.0.1:${mta.port}: its certificate is not for other.example; its names are "DNS:mta.corp.example"`, certificate: { isVerified: false } });
    expect((await probed(mta.port, { ...check, verify: "off" })).state).toBe("up");
  });

  it("is down where STARTTLS is required and not offered, even with a next hop configured", async () => {
    const mta = await startPostfix({ port: await freePort() });
    closers.push(mta.remove);
    const result = await probed(mta.port, { ...check, nextHop: { host: "127.0.0.1", port: mta.port } }, { anchorsPem: [ca.certPem] });
    expect(result).toMatchObject({ state: "down", cause: `mail1: down; 127.0.0.1:${mta.port} does not offer STARTTLS, which the check requires` });
  });
});

describe.skipIf(!hasPostfix)(`a postfix that demands the PROXY protocol${hasPostfix ? "" : " (skipped: needs root and postfix)"}`, () => {
  it("is checked with the header that services send it", async () => {
    const mta = await startPostfix({ port: await freePort(), settings: ["smtpd_upstream_proxy_protocol = haproxy", "smtpd_upstream_proxy_timeout = 1s"] });
    closers.push(mta.remove);
    for (const proxyVersion of [1, 2] as const) expect((await probed(mta.port, nothing, { proxyVersion })).cause).toBe("mail1: up");
    expect((await probed(mta.port, nothing)).state).toBe("down");
  });
});

describe("STARTTLS with servers that misbehave", () => {
  it.each([
    ["answers STARTTLS with 454", "454 4.7.0 TLS not available\r\n", /offers STARTTLS but answered it with "454 4\.7\.0 TLS not available"$/],
    ["goes on in plain text", "220 go\r\n250 injected\r\n", /went on in plain text after it had agreed to STARTTLS$/],
    ["never begins the handshake", "220 go\r\n", /2000 ms were over before the TLS handshake was finished$/],
  ])("calls a member down that %s", async (_, answer, reason) => {
    const { port } = await mailServer(["220 mail\r\n"], ["250-mail\r\n250 STARTTLS\r\n", answer]);
    expect((await probed(port, { kind: "smtp", startTls: "required" })).cause).toMatch(reason);
  });
});

/** The installations that people build, on the whole data plane of a gateway: engines, health checks and verdicts, real members and real balancers in front. */
import https from "node:https";
import type { AddressInfo } from "node:net";
import tls from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { persistence, type Persistence } from "../../contract/persistence.ts";
import { readProxyHeader } from "../../gateway-worker/net/proxy-protocol.ts";
import { startApplication, type Application } from "../http/support/stateful-application.ts";
import { Browser, nodeOf } from "../http/support/browser.ts";
import type { Issued } from "../support/pki.ts";
import { hasNginxStream, startNginx } from "../support/daemons.ts";
import { countingServer, freePort, until } from "../support/sockets.ts";
import { addService } from "./support/gateway.ts";
import { has, startHaproxy } from "./support/programs.ts";
import { WatchedGateway } from "./support/watched-gateway.ts";

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of cleanUp.splice(0).reverse()) await close();
});

async function gateway(engines = 1): Promise<WatchedGateway> {
  const started = await WatchedGateway.start({ runtime: "bun", engines });
  cleanUp.push(async () => await started.close());
  return started;
}

/** An HTTPS member that tells its name, what it saw of the client, and the names it was asked for. */
async function tlsMember(name: string, identity: Issued, port = 0): Promise<{ port: number; close: () => Promise<void> }> {
  const server = https.createServer({ cert: identity.chainPem, key: identity.keyPem }, (request, response) => {
    const socket = request.socket as tls.TLSSocket & { servername?: string | false };
    response.setHeader("X-Member", name).end(JSON.stringify({ host: request.headers.host, sni: socket.servername, from: request.headers["x-forwarded-for"] }));
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  };
  cleanUp.push(close);
  return { port: (server.address() as AddressInfo).port, close };
}

type Asked = { status: number; member: string | undefined; body: string; cookies: string[]; certificate: string };

/** One request over a connection of its own. */
async function ask(to: { port: number; name: string; ca: string; from?: string; cookie?: string; host?: string; path?: string }): Promise<Asked> {
  return await new Promise((resolve, reject) => {
    const request = https.get({ host: to.host ?? "127.0.0.1", port: to.port, path: to.path ?? "/", servername: to.name, ca: to.ca, agent: false, headers: { host: to.name, ...(to.cookie ? { cookie: to.cookie } : {}) }, ...(to.from ? { localAddress: to.from } : {}) }, (response) => {
      const certificate = (response.socket as tls.TLSSocket).getPeerCertificate().fingerprint256.replaceAll(":", "").toLowerCase();
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text)).on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, member: response.headers["x-member"] as string | undefined, body, cookies: (response.headers["set-cookie"] ?? []).map((text) => text.split(";")[0] ?? ""), certificate }));
    });
    request.on("error", reject);
  });
}

const check = { kind: "tcp", intervalMs: 500, timeoutMs: 300, rise: 1, fall: 1, jitterPercent: 0 } as const;

describe("one name in front of two nodes", () => {
  it("serves keys.example.com by keys1 and keys2 and the web mail by two others, on one gateway and port by server name [S3-24] [S3-25] [S2-11] [S2-14]", async () => {
    const gw = await gateway();
    const nodes = Object.fromEntries(await Promise.all(["keys1", "keys2", "web1", "web2"].map(async (name) => [name, await tlsMember(name, await gw.ca.issue({ commonName: `${name}.example.com`, dns: [`${name}.example.com`, name.startsWith("keys") ? "keys.example.com" : "mail.example.com"], usage: ["server"] }))] as const)));
    const members = (...names: string[]) => names.map((name) => ({ name, port: nodes[name]?.port ?? 0 }));
    // keys passes TLS through: clients see the node's own certificate, which has the shared name. The mail is re-encrypted.
    const keys = await addService({ snapshot: gw.snapshot }, { name: "keys", mode: "tls-passthrough", serverNames: ["keys.example.com"], pool: { scheduling: "failover", healthCheck: check, members: members("keys1", "keys2") } });
    const own = await gw.ca.issue({ commonName: "mail.example.com", dns: ["mail.example.com"], usage: ["server"] });
    await addService({ snapshot: gw.snapshot }, { name: "mail", port: keys.port, mode: "tls-reencrypt", protocol: "http", certificates: [own], serverNames: ["mail.example.com"], memberTls: { verify: { kind: "anchors", anchorsPem: [gw.ca.certPem], name: null }, serverName: { kind: "client" } }, persistence: persistence.parse({ kind: "cookie-insert" }), pool: { scheduling: "least-connections", isSessionBound: true, healthCheck: check, members: members("web1", "web2") } });
    await gw.apply();
    await until(() => [...gw.snapshot.pools].every((pool) => pool.members.every((member) => gw.stateOf(member.id) === "up")), "all four nodes are up");
    const to = { port: keys.port, ca: gw.ca.certPem };
    expect((await ask({ ...to, name: "keys.example.com" })).member).toBe("keys1");
    const mail = await ask({ ...to, name: "mail.example.com" });
    expect([mail.member?.startsWith("web"), mail.certificate]).toEqual([true, own.fingerprint]);
    // A client that trusts the name finds it again, whichever node is left.
    await nodes["keys1"]?.close();
    await until(async () => (await ask({ ...to, name: "keys.example.com" }).catch(() => undefined))?.member === "keys2", "the other node answers under the same name");
    expect((await ask({ ...to, name: "mail.example.com", cookie: mail.cookies[0] ?? "" })).member).toBe(mail.member);
  }, 60_000);

  it("serves clients from the Internet and from inside by the same service, each with an address of its own [S2-09]", async () => {
    const gw = await gateway();
    const identity = await gw.ca.issue({ commonName: "app.test", dns: ["app.test"], usage: ["server"] });
    const [one, two] = [await tlsMember("one", identity), await tlsMember("two", identity)];
    const { port, service } = await addService({ snapshot: gw.snapshot }, { mode: "tls-reencrypt", protocol: "http", certificates: [identity], memberTls: { verify: { kind: "anchors", anchorsPem: [gw.ca.certPem], name: null }, serverName: { kind: "client" } }, persistence: persistence.parse({ kind: "source-address" }), pool: { scheduling: "weighted-round-robin", members: [{ port: one.port }, { port: two.port }] } });
    await gw.apply();
    const outside = await ask({ port, name: "app.test", ca: gw.ca.certPem, from: "127.0.0.2" });
    const inside = await ask({ port, name: "app.test", ca: gw.ca.certPem, from: "127.0.0.3" });
    expect([(JSON.parse(outside.body) as { from: string }).from, (JSON.parse(inside.body) as { from: string }).from]).toEqual(["127.0.0.2", "127.0.0.3"]);
    // Two clients, two entries: each stays where it was.
    for (let again = 0; again < 3; again += 1) {
      expect((await ask({ port, name: "app.test", ca: gw.ca.certPem, from: "127.0.0.2" })).member).toBe(outside.member);
      expect((await ask({ port, name: "app.test", ca: gw.ca.certPem, from: "127.0.0.3" })).member).toBe(inside.member);
    }
    await until(() => (gw.engines.loads().find(({ serviceId }) => serviceId === service.id)?.requests ?? 0) === 8, "both are in the same service's numbers");
  }, 60_000);
});

describe("persistence on encrypted sessions", () => {
  const methods: [string, Persistence, string | undefined][] = [
    ["cookie-insert", persistence.parse({ kind: "cookie-insert" }), undefined],
    ["cookie-prefix", persistence.parse({ kind: "cookie-prefix", cookieName: "app" }), undefined],
    ["cookie-follow", persistence.parse({ kind: "cookie-follow", cookieName: "app" }), undefined],
    ["source-address", persistence.parse({ kind: "source-address" }), "127.0.0.2"],
    ["duration", persistence.parse({ kind: "duration" }), "127.0.0.2"],
  ];

  it.each(methods)("re-encrypt: the member follows %s, over new connections and other engines, while others spread [S2-01] [S2-05] [S3-34] [S3-35]", async (_kind, method, from) => {
    const gw = await gateway(2);
    const identity = await gw.ca.issue({ commonName: "app.test", dns: ["app.test"], usage: ["server"] });
    const nodes = await Promise.all(["one", "two", "three"].map(async (name) => await cookieMember(name, identity)));
    const { port } = await addService({ snapshot: gw.snapshot }, { mode: "tls-reencrypt", protocol: "http", certificates: [identity], persistence: method, memberTls: { verify: { kind: "anchors", anchorsPem: [gw.ca.certPem], name: null }, serverName: { kind: "client" } }, pool: { scheduling: "weighted-round-robin", members: nodes.map((node) => ({ port: node })) } });
    await gw.apply();
    const to = { port, name: "app.test", ca: gw.ca.certPem, ...(from ? { from } : {}) };
    const first = await ask({ ...to, path: "/login" });
    const again = new Set<string | undefined>();
    for (let request = 0; request < 12; request += 1) again.add((await ask({ ...to, cookie: first.cookies.join("; ") })).member);
    expect([...again]).toEqual([first.member]);
    const others = new Set<string | undefined>();
    for (let request = 0; request < 30; request += 1) others.add((await ask({ ...to, ...(from ? { from: `127.0.0.${request + 10}` } : {}) })).member);
    expect(others.size).toBe(3);
  }, 60_000);

  /** Sets the application's cookie at /login. */
  async function cookieMember(name: string, identity: Issued): Promise<number> {
    let logins = 0;
    const server = https.createServer({ cert: identity.chainPem, key: identity.keyPem }, (request, response) => {
      if (request.url === "/login") response.setHeader("Set-Cookie", `app=${name}-${(logins += 1)}; Path=/`);
      response.setHeader("X-Member", name).end(name);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanUp.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return (server.address() as AddressInfo).port;
  }
});

describe("a cluster whose nodes replicate late", () => {
  async function cluster(gw: WatchedGateway): Promise<{ port: number; nodes: Application[]; poolMembers: { id: string; port: number }[]; serviceId: string }> {
    const nodes = [await startApplication("one", "session"), await startApplication("two", "session")];
    cleanUp.push(...nodes.map((node) => () => node.close()));
    const certificate = await gw.ca.issue({ commonName: "web.example.com", dns: ["web.example.com"], usage: ["server"] });
    const { port, pool, service } = await addService({ snapshot: gw.snapshot }, { mode: "tls-offload", protocol: "http", certificates: [certificate], persistence: persistence.parse({ kind: "cookie-insert", endsWithCookie: "session" }), pool: { scheduling: "least-connections", isSessionBound: true, healthCheck: check, members: nodes.map((node, index) => ({ name: `node${index + 1}`, port: node.port })) } });
    await gw.apply();
    await until(() => pool.members.every((member) => gw.stateOf(member.id) === "up"), "both nodes are up");
    return { port, nodes, poolMembers: pool.members, serviceId: service.id };
  }

  function browser(port: number, gw: WatchedGateway): Browser {
    const made = new Browser(() => tls.connect({ host: "127.0.0.1", port, servername: "web.example.com", ca: gw.ca.certPem }).on("error", () => undefined));
    cleanUp.push(() => made.hangUp());
    return made;
  }

  /** Logs in and returns the node and the token for the next page. */
  async function login(user: Browser): Promise<{ node: string | undefined; token: string }> {
    const answer = await user.ask("/login", { method: "POST", body: "user=a" });
    return { node: nodeOf(answer), token: answer.body };
  }

  it("keeps a login on its node though the other does not have its data yet, ends that at logout, and may then choose the other [S3-07] [S3-12] [S3-13] [S3-14]", async () => {
    const gw = await gateway();
    const { port, nodes } = await cluster(gw);
    const user = browser(port, gw);
    const met = new Set<string | undefined>();
    for (let session = 0; session < 8; session += 1) {
      const { node, token: first } = await login(user);
      met.add(node);
      let token = first;
      for (let page = 0; page < 4; page += 1) {
        user.hangUp();
        const answer = await user.ask("/send", { method: "POST", body: token });
        expect([answer.status, nodeOf(answer)]).toEqual([200, node]);
        token = answer.body;
      }
      expect((await user.ask("/logout", { method: "POST", body: token })).body).toBe("bye");
      expect([...user.cookies.keys()]).toEqual([]);
      user.hangUp();
    }
    expect([...met].toSorted()).toEqual(["one", "two"]);
    expect(nodes.map(({ strangers }) => strangers)).toEqual([0, 0]);
  }, 60_000);

  it("leaves the sessions of the other node alone when one is out, and names the node and its refused clients [S3-03] [S3-33]", async () => {
    const gw = await gateway();
    const { port, nodes, poolMembers, serviceId } = await cluster(gw);
    const users = await Promise.all(Array.from({ length: 12 }, async () => {
      const user = browser(port, gw);
      return { user, ...(await login(user)) };
    }));
    expect(new Set(users.map(({ node }) => node)).size).toBe(2);
    nodes[0]?.close();
    await until(() => gw.stateOf(poolMembers[0]?.id) === "down", "node1 is found down");
    const health = gw.watch.health().find(({ memberId }) => memberId === poolMembers[0]?.id);
    expect(health?.cause).toMatch(/node1.*refused/);
    for (const { user, node, token } of users) {
      user.hangUp();
      const answer = await user.ask("/send", { method: "POST", body: token });
      // Those of node1 meet the other node, which does not know them: they log in again. Nobody else notices.
      expect([answer.status, nodeOf(answer)]).toEqual(node === "two" ? [200, "two"] : [403, "two"]);
    }
    expect(nodes[1]?.strangers).toBe(users.filter(({ node }) => node === "one").length);
    const load = () => gw.engines.loads().find((one) => one.serviceId === serviceId);
    await until(() => (load()?.requests ?? 0) === users.length * 2, "all requests are in the numbers");
    expect(load()?.members.find(({ memberId }) => memberId === poolMembers[1]?.id)?.opened).toBeGreaterThan(0);
    expect(load()?.responses[3]).toBe(users.filter(({ node }) => node === "one").length);
  }, 60_000);
});

describe("trying out before the whole organisation gets it", () => {
  it("serves a pilot name by a pilot pool beside the productive one on the same port, and ends the pilot alone [S3-58]", async () => {
    const gw = await gateway();
    const name = (text: string) => ({ commonName: text, dns: [text], usage: ["server" as const] });
    const [productive, pilot] = [await gw.ca.issue(name("keys.example.com")), await gw.ca.issue(name("pilot.keys.example.com"))];
    const [old, next] = [await tlsMember("old", productive), await tlsMember("next", pilot)];
    const main = await addService({ snapshot: gw.snapshot }, { name: "keys", mode: "tls-passthrough", serverNames: ["keys.example.com"], pool: { members: [{ port: old.port }] } });
    const trial = await addService({ snapshot: gw.snapshot }, { name: "keys, pilot", port: main.port, mode: "tls-reencrypt", protocol: "http", serverNames: ["pilot.keys.example.com"], certificates: [pilot], memberTls: { verify: { kind: "anchors", anchorsPem: [gw.ca.certPem], name: null }, serverName: { kind: "client" } }, pool: { members: [{ port: next.port }] } });
    await gw.apply();
    const [to, tried] = [{ port: main.port, ca: gw.ca.certPem, name: "keys.example.com" }, { port: main.port, ca: gw.ca.certPem, name: "pilot.keys.example.com" }];
    expect([(await ask(to)).member, (await ask(tried)).member]).toEqual(["old", "next"]);
    const established = tls.connect({ host: "127.0.0.1", port: main.port, servername: "keys.example.com", ca: gw.ca.certPem });
    await new Promise((resolve) => established.once("secureConnect", resolve));
    trial.service.isEnabled = false;
    await gw.apply();
    expect((await ask(to)).member).toBe("old");
    await expect(ask(tried)).rejects.toThrow(/unrecognized name|alert number 112|ECONNRESET|closed/i);
    established.write("GET / HTTP/1.1\r\nHost: keys.example.com\r\n\r\n");
    expect(await new Promise<string>((resolve) => established.once("data", (data: Buffer) => resolve(data.toString().split("\r\n")[0] ?? "")))).toBe("HTTP/1.1 200 OK");
    established.destroy();
  }, 60_000);
});

describe("cluster and client traffic apart", () => {
  it("presents to cluster nodes and to clients each their own certificate, on two addresses of one gateway [S3-27] [S3-28] [S3-29] [S3-31]", async () => {
    const gw = await gateway();
    const issue = async (text: string) => await gw.ca.issue({ commonName: text, dns: [text], usage: ["server"] });
    const [node, client] = [await issue("node1.cluster.example.com"), await issue("keys.example.com")];
    const member = await tlsMember("node1", await gw.ca.issue({ commonName: "node1.cluster.example.com", dns: ["node1.cluster.example.com", "keys.example.com"], usage: ["server"] }));
    const port = await freePort();
    const settings = { port, mode: "tls-reencrypt" as const, protocol: "http" as const, memberTls: { verify: { kind: "anchors" as const, anchorsPem: [gw.ca.certPem], name: null }, serverName: { kind: "client" as const } }, pool: { members: [{ port: member.port }] } };
    const cluster = await addService({ snapshot: gw.snapshot }, { ...settings, name: "cluster", address: "127.0.0.2", certificates: [node] });
    const clients = await addService({ snapshot: gw.snapshot }, { ...settings, name: "clients", address: "127.0.0.1", certificates: [client] });
    await gw.apply();
    const replication = { port, ca: gw.ca.certPem, name: "node1.cluster.example.com", host: "127.0.0.2" };
    const mail = { port, ca: gw.ca.certPem, name: "keys.example.com", host: "127.0.0.1" };
    expect([(await ask(replication)).certificate, (await ask(mail)).certificate]).toEqual([node.fingerprint, client.fingerprint]);
    // Neither address presents the other's certificate, whichever name is asked for.
    await expect(ask({ ...mail, host: "127.0.0.2" })).rejects.toMatchObject({ code: "ERR_TLS_CERT_ALTNAME_INVALID" });
    await expect(ask({ ...replication, host: "127.0.0.1" })).rejects.toMatchObject({ code: "ERR_TLS_CERT_ALTNAME_INVALID" });
    // A new certificate for the clients leaves the cluster's listener as it was, and the other way round.
    const renewed = await issue("keys.example.com");
    clients.service.certificates = [{ fingerprint: renewed.fingerprint, chainPem: renewed.chainPem, keyPem: renewed.keyPem }];
    await gw.apply();
    expect([(await ask(replication)).certificate, (await ask(mail)).certificate]).toEqual([node.fingerprint, renewed.fingerprint]);
    cluster.service.isEnabled = false;
    await gw.apply();
    await expect(ask(replication)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    expect((await ask(mail)).status).toBe(200);
  }, 60_000);
});

describe("another balancer in front", () => {
  const balancers = [
    { name: "nginx", isHere: hasNginxStream, start: startNginxStream },
    { name: "haproxy", isHere: has("haproxy"), start: startHaproxyStream },
  ];
  for (const { name, isHere, start } of balancers) {
    it.skipIf(!isHere)(`works behind ${name} with PROXY protocol in, and gives it out again to members, in every mode (needs ${name}) [S3-59] [T26] [S0-01]`, async () => {
      const gw = await gateway();
      const identity = await gw.ca.issue({ commonName: "app.test", dns: ["app.test"], usage: ["server"] });
      const seen: { source: string | undefined; isTls: boolean }[] = [];
      const member = await proxiedMember(identity, seen);
      const settings = { sendProxy: "v2" as const, acceptProxy: { kind: "required" as const, sources: ["127.0.0.1/32"] }, memberTls: { verify: { kind: "anchors" as const, anchorsPem: [gw.ca.certPem], name: null }, serverName: { kind: "client" as const } }, pool: { healthCheck: { kind: "none" as const }, members: [{ port: member }] } };
      const passed = await addService({ snapshot: gw.snapshot }, { ...settings, mode: "tls-passthrough" });
      const again = await addService({ snapshot: gw.snapshot }, { ...settings, mode: "tls-reencrypt", certificates: [identity] });
      const http = await addService({ snapshot: gw.snapshot }, { ...settings, mode: "tls-reencrypt", protocol: "http", certificates: [identity], sendProxy: "v1" });
      await gw.apply();
      for (const { port } of [passed, again, http]) {
        const front = await start(port);
        cleanUp.push(front.stop);
        seen.length = 0;
        const answer = await ask({ port: front.port, name: "app.test", ca: gw.ca.certPem, from: "127.0.0.9" });
        expect([answer.status, answer.member, seen.at(-1)]).toEqual([200, "member", { source: "127.0.0.9", isTls: true }]);
      }
      // Who comes past the balancer, without its header, is not let in.
      await expect(ask({ port: passed.port, name: "app.test", ca: gw.ca.certPem })).rejects.toThrow();
      await until(() => gw.refusals.some(({ code }) => code === "proxy-header-missing"), "the refusal says so");
    }, 60_000);
  }

  async function startNginxStream(to: number): Promise<{ port: number; stop: () => Promise<void> }> {
    const port = await freePort();
    const { stop } = await startNginx({ stream: `server { listen 127.0.0.1:${port}; proxy_pass 127.0.0.1:${to}; proxy_protocol on; }`, ports: [port] });
    return { port, stop };
  }

  async function startHaproxyStream(to: number): Promise<{ port: number; stop: () => Promise<void> }> {
    return await startHaproxy({ chainPem: "", keyPem: "" }, `defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\nfrontend f\n  bind 127.0.0.1:{port}\n  default_backend b\nbackend b\n  server gw 127.0.0.1:${to} send-proxy-v2\n`);
  }

  /** Reads a PROXY header and answers HTTPS behind it. */
  async function proxiedMember(identity: Issued, seen: { source: string | undefined; isTls: boolean }[]): Promise<number> {
    const inner = https.createServer({ cert: identity.chainPem, key: identity.keyPem }, (_request, response) => void response.setHeader("X-Member", "member").end("ok"));
    const server = await countingServer((socket) => {
      socket.once("data", (bytes: Buffer) => {
        const header = readProxyHeader(bytes);
        if (header.kind !== "header") return void socket.destroy();
        seen.push({ source: header.source?.address, isTls: true });
        socket.pause();
        if (bytes.length > header.length) socket.unshift(bytes.subarray(header.length));
        inner.emit("connection", socket);
      });
    });
    cleanUp.push(server.close, () => inner.close());
    return server.port;
  }
});

/** The relay by itself, on both runtimes, against an upstream that does what the contract allows and what it does not. */
import tls from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Issued, TestCa } from "../support/pki.ts";
import { RelayProcess, runtimePaths, type RuntimeName, settingsOf } from "./support/relay-process.ts";
import { SmallUpstream } from "./support/upstream.ts";

let root: TestCa;
let certificate: Issued;
const closing: { close(): Promise<void> }[] = [];
const kept = <T extends { close(): Promise<void> }>(thing: T): T => {
  closing.push(thing);
  return thing;
};

beforeAll(async () => {
  root = await TestCa.root({ commonName: "Acme Root" });
  certificate = await root.issue({ commonName: "gw-1", usage: ["server"], dns: ["gw-1.example.test"] });
});
afterAll(async () => {
  await Promise.all(closing.map(async (thing) => await thing.close()));
});

/** An agent's TLS connection through the relay; resolves after the handshake. */
async function connect(port: number, options: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
  const socket = tls.connect({ host: "127.0.0.1", port, servername: "gw-1.example.test", ca: root.certPem, allowHalfOpen: true, ...options } as tls.ConnectionOptions);
  let failure: unknown = new Error("closed before the handshake was done");
  socket.on("error", (error) => {
    failure = error;
    socket.destroy();
  });
  await new Promise<void>((resolve, reject) => socket.once("secureConnect", resolve).once("close", () => reject(failure)));
  return socket;
}

async function echo(socket: tls.TLSSocket, text: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    let got = "";
    socket.on("data", (chunk: Buffer) => {
      got += chunk.toString();
      if (got.length >= text.length) resolve(got);
    });
    socket.once("close", () => reject(new Error("closed")));
    socket.write(text);
  });
}

const pinned = (upstream: SmallUpstream) => [{ host: "127.0.0.1", port: upstream.port, serverName: "gw-1.example.test", pins: [certificate.fingerprint] }];

describe.each(Object.keys(runtimePaths) as RuntimeName[])("a relay on %s", (runtime) => {
  it("carries an agent's TLS to the upstream and ends none of it [S4-21] [S4-22] [S4-26]", async () => {
    const upstream = kept(await SmallUpstream.start(certificate));
    const relay = kept(await RelayProcess.start(settingsOf({ caPem: root.certPem, upstreams: pinned(upstream) }), { runtime }));
    await relay.serving();
    const agent = await connect(relay.port);
    expect(agent.getPeerX509Certificate()?.fingerprint256.replaceAll(":", "").toLowerCase()).toBe(certificate.fingerprint);
    expect(await echo(agent, "through the cellar")).toBe("through the cellar");
    expect(upstream.agents).toEqual([{ kind: "agent", source: "127.0.0.1", connectionId: "1" }]);
    expect(upstream.sessions[0]?.hello).toMatchObject({ relayKey: relay.settings.relayKey, organisationId: relay.settings.organisationId });
    expect(upstream.sessions[0]?.fingerprint).toBe(relay.fingerprint);
    agent.destroy();
  }, 20_000);
});

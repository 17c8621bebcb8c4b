import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { relaySettings } from "../../contract/relay.ts";
import { DialIn } from "../../gateway-worker/relay/dial-in.ts";
import { loadOrMakeIdentity } from "../../gateway-worker/relay/identity.ts";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "dial-in-"));
const sockets: net.Socket[] = [];
const server = net.createServer({ pauseOnConnect: true });

afterAll(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

/** Somebody who connects and never finishes a handshake. */
async function stalled(): Promise<net.Socket> {
  const near = new Promise<net.Socket>((resolve) => { server.once("connection", resolve); });
  sockets.push(net.connect((server.address() as net.AddressInfo).port, "127.0.0.1").on("error", () => {}));
  return (await near).on("error", () => {});
}

describe("the door for gateways that dial a relay", () => {
  it("is not blocked by one address that stalls there [T05]", async () => {
    await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
    const identity = await loadOrMakeIdentity(folder, "one");
    const settings = relaySettings.parse({ format: 1, name: "one", relayKey: "r".repeat(43), organisationId: "00000000-0000-4000-8000-000000000001", organisationName: "Org", trustDomain: "example.com", caPem: identity.certificatePem, listen: { port: 2_002 }, upstreams: [] });
    const refused: string[] = [];
    const door = new DialIn(settings, identity, { onUpstream: () => {}, onRefused: (source, detail) => refused.push(`${source} ${detail}`) });
    for (let n = 0; n < 9; n += 1) door.take(await stalled(), "192.0.2.1", Buffer.alloc(0));
    expect(refused).toEqual(["192.0.2.1 8 handshakes of upstreams at this address are unfinished already"]);
    door.take(await stalled(), "192.0.2.2", Buffer.alloc(0));
    expect(refused).toHaveLength(1);
  });
});

/** What lost packets do to a channel: 10 s of them nothing, a dead path is noticed within 15 s. Needs root and nft; packets of the test's own ports are dropped, no others. */
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import type { Duplex } from "node:stream";
import { afterAll, describe, expect, it } from "vitest";
import { ChannelKeeper } from "../../agent/channel/keeper.ts";
import { AgentLog } from "../../agent/log.ts";
import { writeStreamHead } from "../../gateway-worker/net/stream-head.ts";
import { TestCa } from "../support/pki.ts";
import { until } from "../support/sockets.ts";
import { ChannelGateway, channelPolicy } from "./support/channel-gateway.ts";

const table = `sallyport_test_${process.pid}`;
const why = process.getuid?.() !== 0 ? "needs root" : canDrop() ? undefined : "nft cannot be used here";
if (why !== undefined) console.warn(`lost packets: skipped, ${why}`);

function nft(command: string): void {
  execFileSync("nft", ["-f", "-"], { input: `${command}\n`, stdio: ["pipe", "ignore", "ignore"] });
}

function canDrop(): boolean {
  try {
    nft(`add table inet ${table}`);
    return true;
  } catch {
    return false;
  }
}

/** Nothing to or from this port arrives any more; the returned function ends it. Dropped on arrival: a drop on departure is told to TCP, which then repeats every 0.5 s. */
function lose(port: number): () => void {
  nft([`add chain inet ${table} lost_${port} { type filter hook input priority 0; }`, ...["dport", "sport"].map((side) => `add rule inet ${table} lost_${port} tcp ${side} ${port} drop`)].join("\n"));
  return () => nft(`delete chain inet ${table} lost_${port}`);
}

const identity = await (await TestCa.root({ commonName: "Acme" })).issue({});

type Open = { keeper: ChannelKeeper; gateway: ChannelGateway; spare: ChannelGateway };
const opened: Open[] = [];

/** An agent with a channel to the first of two gateways, whose streams come back as they are. */
async function open(): Promise<Open> {
  const [gateway, spare] = [await ChannelGateway.start("gw-1"), await ChannelGateway.start("gw-2")] as [ChannelGateway, ChannelGateway];
  const serve = (stream: Duplex) => {
    stream.write(writeStreamHead({ kind: "accepted" }));
    stream.pipe(stream);
  };
  const policy = channelPolicy(randomUUID(), [gateway, spare]);
  const keeper = new ChannelKeeper({ policy: () => policy, trust: () => ({ credentials: { chainPem: identity.chainPem, keyPem: identity.keyPem }, ca: [], relay: null }), log: new AgentLog(null), instance: randomUUID(), isListening: false, onChange: () => undefined, onStream: serve });
  keeper.start();
  await until(() => keeper.facts !== null, "the channel is open");
  opened.push({ keeper, gateway, spare });
  return { keeper, gateway, spare };
}

afterAll(async () => {
  if (why === undefined) nft(`delete table inet ${table}`);
  for (const { keeper, gateway, spare } of opened) {
    keeper.close();
    await Promise.all([gateway.kill(), spare.kill()]);
  }
});

function answered(stream: Duplex): Promise<string> {
  return new Promise((resolve) => {
    stream.once("data", (chunk: Buffer) => resolve(chunk.toString()));
    stream.resume();
  });
}

describe.skipIf(why !== undefined).concurrent("a channel", () => {
  it("survives 10 s in which every packet is lost, with its streams", async () => {
    const { keeper, gateway } = await open();
    const { channelId } = keeper.facts ?? {};
    const { stream } = await gateway.ask({ kind: "wake" });
    const restore = lose(gateway.port);
    stream.write("sent into the dark");
    const back = answered(stream);
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    restore();
    expect(await back).toBe("sent into the dark");
    // Whatever was waiting for an answer has had it by now, or the channel would be gone.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(keeper.facts?.channelId).toBe(channelId);
    expect(gateway.channels).toHaveLength(1);
  }, 30_000);

  it("whose path is dead is given up within 15 s on both sides, and the next gateway has the agent", async () => {
    const { keeper, gateway, spare } = await open();
    lose(gateway.port);
    const deadAt = performance.now();
    await until(() => keeper.facts?.gatewayId !== gateway.id, "the agent notices", 15_000);
    await until(() => gateway.live.length === 0, "the gateway notices", 15_000 - (performance.now() - deadAt));
    await until(() => keeper.facts?.gatewayId === spare.id, "the next gateway", 4_000);
  }, 30_000);
});

/** Many agents at one gateway: their channels, reverse streams beside a stuck one, a drain that moves all of them, and all of them coming back at once. */
import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Backoff } from "../../gateway-worker/net/backoff.ts";
import { writeStreamHead } from "../../gateway-worker/net/stream-head.ts";
import { ChannelClient, echoed, reach } from "../support/channel-client.ts";
import { GatewayBench, runtimes, serverAt } from "../support/gateway-bench.ts";
import type { TestAgent } from "../support/gateway-bench.ts";
import { addRelay, RelayClient } from "../support/relay-client.ts";
import { echoServer, until } from "../support/sockets.ts";
import type { CountingServer } from "../support/sockets.ts";

/** `SALLYPORT_TEST_CHANNELS=2000` shows what the requirement asks for; the suite has less time. */
const channelCount = Number(process.env["SALLYPORT_TEST_CHANNELS"] ?? 100);
const streamCount = Math.min(200, channelCount);
/** Far more than a quiet machine takes, milliseconds. */
const longMs = 60_000 + channelCount * 120;
/** Handshakes under way at once in the test's own process. */
const atOnce = 50;

describe.each(runtimes)(`${channelCount} channels at an engine on %s`, (runtime) => {
  let bench: GatewayBench;
  let server: CountingServer;
  let agents: TestAgent[];
  let channels: ChannelClient[] = [];

  beforeAll(async () => {
    server = await echoServer();
    bench = await GatewayBench.start({ runtime, engines: 2, limits: { handshakesMax: 500 } }, [serverAt(server.port)]);
    // One certificate would do for the handshakes; the identities must differ.
    agents = await eachOf(Array.from({ length: channelCount }), async () => await bench.agent());
  }, longMs);
  afterAll(async () => {
    for (const channel of channels) channel.socket.destroy();
    await bench.close();
    await server.close();
  });

  it("holds them all in little memory, and lets a stuck reverse stream slow no other [T08]", async () => {
    const before = memoryOf(bench);
    const started = performance.now();
    channels = await eachOf(agents, async (agent) => await ChannelClient.open(bench, agent, { onStream: serve }));
    const openedMs = performance.now() - started;
    expect(channels.filter((channel) => channel.answer?.kind === "welcome")).toHaveLength(channelCount);
    await until(() => bench.group.channels.size === channelCount, "the supervisor to know them all", longMs);
    const perChannel = (memoryOf(bench) - before) / channelCount;
    // Few channels share the engines' own growth among them.
    expect(perChannel).toBeLessThan(channelCount >= 1_000 ? 150_000 : 500_000);

    const sessions = await eachOf(agents.slice(0, streamCount), async (agent) => (await reach(bench, agent.id)).socket);
    const free = await latencies(sessions);
    const stuck = (await reach(bench, agents[0]?.id ?? "", "stuck")).socket;
    stuck.write(randomBytes(8_000_000));
    const beside = await latencies(sessions);
    const setUp = await Promise.all(agents.slice(0, 20).map(async (agent) => await timed(async () => void (await reach(bench, agent.id)).socket.destroy())));
    stuck.destroy();
    for (const session of sessions) session.destroy();
    // Same order of magnitude: the stuck one holds a window's worth of memory, and nothing else.
    expect(percentile(beside, 0.99)).toBeLessThan(Math.max(50, percentile(free, 0.99) * 4));
    process.stdout.write(`${runtime}: ${channelCount} channels in ${Math.round(openedMs)} ms, ${Math.round(perChannel / 1_000)} kB each; round trip over ${streamCount} reverse streams p50 ${percentile(free, 0.5).toFixed(1)} p99 ${percentile(free, 0.99).toFixed(1)} ms, beside a stuck one p50 ${percentile(beside, 0.5).toFixed(1)} p99 ${percentile(beside, 0.99).toFixed(1)} ms; set-up p50 ${percentile(setUp, 0.5).toFixed(1)} ms\n`);
  }, longMs);

  it("takes all of them back at once after their connections were cut, within its bounds [T39]", async () => {
    for (const channel of channels) channel.socket.destroy();
    await until(() => bench.group.channels.size === 0, "all of them to be gone", longMs);
    const started = performance.now();
    // All at once and without waiting: who is turned away tries again, as agents do, after a moment of its own.
    channels = await Promise.all(agents.map(async (agent) => await back(bench, agent)));
    const tookMs = performance.now() - started;
    await until(() => bench.group.channels.size === channelCount, "the supervisor to know them all", longMs);
    process.stdout.write(`${runtime}: ${channelCount} agents came back in ${Math.round(tookMs)} ms\n`);
    expect(channels.every((channel) => channel.answer?.kind === "welcome")).toBe(true);
  }, longMs);

  it("takes them back through one relay, too [T39] [X4-09]", async () => {
    for (const channel of channels) channel.socket.destroy();
    const fixture = await addRelay(bench);
    await bench.applied();
    const relay = await RelayClient.open(bench, fixture);
    const started = performance.now();
    channels = await Promise.all(agents.map(async (agent, index) => await back(bench, agent, async () => {
      const { answer, stream } = await relay.carry(`10.${index >> 8}.${index & 255}.2:4000`);
      return answer?.kind === "accepted" ? stream : undefined;
    })));
    process.stdout.write(`${runtime}: ${channelCount} agents came back through a relay in ${Math.round(performance.now() - started)} ms\n`);
    await until(() => bench.group.channels.size === channelCount, "the supervisor to know them all", longMs);
    relay.close();
    await until(() => bench.group.channels.size === 0, "all to end with their relay", longMs);
  }, longMs);
});

/** Tries until the gateway welcomes the agent. */
async function back(bench: GatewayBench, agent: TestAgent, way?: () => Promise<Duplex | undefined>): Promise<ChannelClient> {
  const backoff = new Backoff({ firstMs: 500, maxMs: 15_000 });
  for (let attempt = 0; attempt < 100; attempt += 1) {
    try {
      const over = await way?.();
      if (way === undefined || over) {
        const channel = await ChannelClient.open(bench, agent, { onStream: serve, ...(over ? { over } : {}) });
        if (channel.answer?.kind === "welcome") return channel;
        channel.socket.destroy();
      }
    } catch {
      // Turned away before or in the handshake.
    }
    await new Promise((resolve) => setTimeout(resolve, backoff.next()));
  }
  throw new Error("an agent never came back");
}

const serve: NonNullable<NonNullable<Parameters<typeof ChannelClient.open>[2]>["onStream"]> = (head, stream) => {
  stream.write(writeStreamHead({ kind: "accepted" }));
  if (head.kind !== "reach" || head.grant !== "stuck") stream.pipe(stream);
};

async function eachOf<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (let index = next++; index < items.length; index = next++) results[index] = await work(items[index] as T);
  }));
  return results;
}

/** Ten small round trips on each stream, all streams at once; milliseconds each. */
async function latencies(sessions: readonly Duplex[]): Promise<number[]> {
  const found = await Promise.all(sessions.map(async (session, index) => {
    const times: number[] = [];
    await new Promise((resolve) => setTimeout(resolve, index));
    for (let turn = 0; turn < 10; turn += 1) times.push(await timed(async () => void (await echoed(session, Buffer.from(`turn ${turn}`)))));
    return times;
  }));
  return found.flat();
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}

/** Resident memory of both engines, bytes. */
function memoryOf(bench: GatewayBench): number {
  return bench.residentBytes() + bench.residentBytes(1);
}

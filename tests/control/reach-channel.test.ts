import "../support/with-database.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BenchAgent } from "../support/control-bench.ts";
import type { EchoAgent } from "../support/echo-agent.ts";
import { until } from "../support/sockets.ts";
import { ReachBench, type ReachGateway } from "../reach/reach-bench.ts";

let bench: ReachBench;
let gateway: ReachGateway;
let agent: BenchAgent;
let echo: EchoAgent;

beforeAll(async () => {
  bench = await ReachBench.start();
  [gateway] = await bench.gateways(1, { SALLYPORT_ENGINES: "2" }) as [ReachGateway];
  agent = await bench.agent([gateway]);
  echo = await bench.channel(gateway, agent);
}, 60_000);

afterAll(async () => {
  await bench?.close();
});

const openChannels = async (): Promise<{ channelId: string; endReason: string | null }[]> => await bench.control.db.agentChannel.findMany({ where: { agentId: agent.id, endedAt: null }, select: { channelId: true, endReason: true } });

describe("the control channel of a gateway that holds agents' channels", () => {
  it("carries a knock to the agent at once, and to no other", async () => {
    const other = await bench.agent([gateway]);
    const quiet = await bench.channel(gateway, other);
    const { publishKnock } = await import("../../server/services/change/publish.ts");
    const startedAt = performance.now();
    await bench.control.db.$transaction(async (tx) => await publishKnock(tx, bench.control.organisationId, [agent.id]));
    await until(() => echo.heads.some((head) => head.kind === "wake"), "the agent is woken", 3_000);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(quiet.heads).toEqual([]);
    quiet.cut();
  });

  it("says every open channel again after the console was away, and what ended meanwhile is ended there", async () => {
    const other = await bench.agent([gateway]);
    const leaving = await bench.channel(gateway, other);
    await bench.control.stopControl();
    await gateway.worker.until((view) => view.channel.state !== "subscribed", "the gateway noticed");
    leaving.cut();
    await gateway.worker.until((view) => view.status.channels === 1, "one channel is left");
    // A channel of an earlier life of the gateway, whose end nobody heard.
    const ghost = { channelId: "00000000-0000-4000-8000-0000000000aa", organisationId: bench.control.organisationId, agentId: agent.id, gatewayId: gateway.id, instance: "00000000-0000-4000-8000-0000000000aa", openedAt: new Date(), aliveUntil: new Date(Date.now() + 60_000), source: "192.0.2.9", version: "0" };
    await bench.control.db.agentChannel.create({ data: ghost });
    await bench.control.restartControl();
    await until(async () => (await bench.control.db.agentChannel.count({ where: { gatewayId: gateway.id, endedAt: null } })) === 1, "the console knows the one that is open");
    expect(await openChannels()).toMatchObject([{ channelId: echo.channelId }]);
  });

  it("keeps one channel per identity, whichever engines two machines meet: the newest, and both sources are named [T22]", async () => {
    const first = echo;
    const machines: EchoAgent[] = [];
    // The kernel spreads connections over the engines; some of these land on each.
    for (let count = 0; count < 4; count += 1) machines.push(await bench.channel(gateway, agent));
    echo = machines.at(-1) ?? first;
    await until(() => [first, ...machines.slice(0, -1)].every((machine) => machine.endReason !== undefined), "the older ones are ended", 5_000);
    expect(echo.endReason).toBeUndefined();
    await until(async () => (await openChannels()).length === 1, "the console knows the one that is open");
    await until(async () => (await bench.control.db.refusal.count({ where: { agentId: agent.id, code: "channel-superseded" } })) > 0, "it is in the list of refusals");
  });

  it("goes through whichever engine is left when one of two dies", async () => {
    const { status } = await gateway.worker.view();
    const [first] = status.engines;
    process.kill(first?.pid ?? 0, "SIGKILL");
    await gateway.worker.until((view) => view.status.engines[0]?.restarts === 1, "it was started again");
    if (echo.endReason !== undefined || (await openChannels()).length === 0) echo = await bench.channel(gateway, agent);
    const opened = await bench.open(bench.person("operator"), agent.id);
    const answer = await bench.ask(gateway, { target: opened.target, authorization: `Bearer ${opened.grant}` });
    expect(answer.status, answer.body).toBe(200);
    answer.socket.destroy();
  });
});

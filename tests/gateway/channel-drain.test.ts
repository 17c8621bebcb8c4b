/** A gateway that drains while agents work: every channel moves to another gateway, and no stream fails that was not in flight when its time was up. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ChannelClient, echoed, reach } from "../support/channel-client.ts";
import { GatewayBench, runtimes, serverAt } from "../support/gateway-bench.ts";
import type { TestAgent } from "../support/gateway-bench.ts";
import { echoServer, until } from "../support/sockets.ts";
import type { CountingServer } from "../support/sockets.ts";

const agentCount = 30;

/** An agent that opens its next channel, at another gateway, before it leaves one that goes away. */
class Mover {
  readonly agent: TestAgent;
  readonly instance = randomUUID();
  channels: ChannelClient[] = [];
  worked = 0;
  failures: string[] = [];
  isStopped = false;

  constructor(agent: TestAgent) {
    this.agent = agent;
  }

  async open(bench: GatewayBench): Promise<void> {
    this.channels.unshift(await ChannelClient.open(bench, this.agent, { instance: this.instance }));
  }

  /** One short stream after the other on the newest channel, as long as the test goes. One that was refused before any answer is tried again, as nothing of it was done. */
  async work(target: string): Promise<void> {
    while (!this.isStopped) {
      const { answer, stream } = (await this.channels[0]?.connect(target).catch(() => undefined)) ?? {};
      if (!stream || !answer) await new Promise((resolve) => setTimeout(resolve, 5));
      else if (answer.kind !== "accepted") this.failures.push(JSON.stringify(answer));
      else {
        const back = await echoed(stream, Buffer.from("work")).catch((error: unknown) => String(error));
        if (String(back) === "work") this.worked += 1;
        else this.failures.push(String(back));
        stream.resume().end();
      }
    }
  }
}

describe.each(runtimes)("a gateway on %s that drains", (runtime) => {
  let server: CountingServer;
  let first: GatewayBench;
  let second: GatewayBench;

  beforeAll(async () => {
    server = await echoServer();
    [first, second] = await Promise.all([GatewayBench.start({ runtime }, [serverAt(server.port)]), GatewayBench.start({ runtime }, [serverAt(server.port)])]);
    // The second gateway is of the same organisation.
    Object.assign(second.snapshot, { organisationId: first.organisationId, clientTrustAnchorsPem: first.snapshot.clientTrustAnchorsPem, policies: first.snapshot.policies });
    await second.applied();
  });
  afterAll(async () => {
    await Promise.all([first.close(), second.close()]);
    await server.close();
  });

  it("moves every agent to the other one without a failed stream, in both directions", async () => {
    const target = `app.internal:${server.port}`;
    const movers = await Promise.all(Array.from({ length: agentCount }, async () => {
      const agent = await first.agent();
      await second.allow({ kind: "agent", id: agent.id, fingerprints: [agent.fingerprint], groupIds: [first.groupId] });
      return new Mover(agent);
    }));
    await Promise.all(movers.map(async (mover) => await mover.open(first)));
    await until(() => first.group.channels.size === agentCount, "the supervisor to know them all");
    const working = movers.map(async (mover) => await mover.work(target));
    // A session that is open when the drain begins, and one that is asked for while it goes on.
    const running = (await reach(first, movers[0]?.agent.id ?? "")).socket;
    await until(() => movers.every((mover) => mover.worked > 0), "all of them to work");

    const drained = first.group.drain(4_000);
    const moved = movers.map(async (mover) => {
      await until(() => mover.channels[0]?.isGoingAway === true, "the agent to be told");
      const during = await reach(first, mover.agent.id);
      if (during.answer?.kind !== "accepted") mover.failures.push(`reach: ${JSON.stringify(during.answer)}`);
      else if (String(await echoed(during.socket, Buffer.from("here"))) !== "here") mover.failures.push("reach: not echoed");
      during.socket.destroy();
      await mover.open(second);
      mover.channels.at(-1)?.session.goAway();
    });
    await Promise.all(moved);
    await until(() => second.group.channels.size === agentCount, "all of them to be at the second gateway");
    expect(String(await echoed(running, Buffer.from("still open")))).toBe("still open");
    running.resume().end();
    expect(await drained).toEqual({ tunnelsCut: 0 });
    const before = movers.map((mover) => mover.worked);
    await until(() => movers.every((mover, index) => mover.worked > (before[index] ?? 0)), "all of them to go on working");
    for (const mover of movers) mover.isStopped = true;
    await Promise.all(working);
    expect(movers.flatMap((mover) => mover.failures)).toEqual([]);
    expect(movers.every((mover) => mover.channels.at(-1)?.endReason !== undefined && mover.channels[0]?.endReason === undefined)).toBe(true);
  }, 30_000);
});

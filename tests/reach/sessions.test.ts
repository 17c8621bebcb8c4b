import "../support/with-database.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BenchAgent } from "../support/control-bench.ts";
import type { EchoAgent } from "../support/echo-agent.ts";
import { echoed, ended } from "../support/inside-client.ts";
import { ReachBench, type ReachGateway, servicePort } from "./reach-bench.ts";

let bench: ReachBench;
let gateway: ReachGateway;
let agent: BenchAgent;
let echo: EchoAgent;

beforeAll(async () => {
  bench = await ReachBench.start();
  [gateway] = await bench.gateways(1) as [ReachGateway];
  agent = await bench.agent([gateway]);
  echo = await bench.channel(gateway, agent);
}, 60_000);

afterAll(async () => {
  await bench?.close();
});

describe("a session with a grant of the console", () => {
  it("reaches the service on the agent, is on record with its bytes, and ends with the client [S4-12]", async () => {
    const opened = await bench.open(bench.person("operator"), agent.id);
    const answer = await bench.ask(gateway, { target: opened.target, authorization: `Bearer ${opened.grant}` });
    expect(answer.status, answer.body).toBe(200);
    expect(await echoed(answer.socket, "hello agent")).toBe("hello agent");
    expect(echo.heads.at(-1)).toMatchObject({ kind: "reach", sessionId: opened.sessionId, grant: opened.grant });
    await bench.session(opened.sessionId, (row) => row.state === "open", "the session is shown as open");
    answer.socket.end();
    await ended(answer.socket, 2_000);
    const row = await bench.session(opened.sessionId, (session) => session.state === "ended" && session.bytesUp === 11n && session.bytesDown === 11n, "the session has ended with its bytes");
    expect(row).toMatchObject({ gatewayId: gateway.id, channelGatewayId: gateway.id, endReason: "both sides were done" });
    expect((await bench.audits("reach.ended", agent.id)).some((changes) => changes.includes(opened.sessionId))).toBe(true);
  });
});

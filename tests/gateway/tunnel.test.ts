/** An agent's bytes through the gateway: exact, both ways, with half-close, on both runtimes. */
import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GatewayBench, readAll, runtimes, serverAt } from "../support/gateway-bench.ts";
import type { TestAgent } from "../support/gateway-bench.ts";
import { countingServer, echoServer, until } from "../support/sockets.ts";
import type { CountingServer } from "../support/sockets.ts";

describe.each(runtimes)("a tunnel through an engine on %s", (runtime) => {
  let bench: GatewayBench;
  let echo: CountingServer;
  let agent: TestAgent;
  beforeAll(async () => {
    echo = await echoServer();
    bench = await GatewayBench.start({ runtime }, [serverAt(echo.port)]);
    agent = await bench.agent();
  });
  afterAll(async () => {
    await bench.close();
    await echo.close();
  });

  it("carries bytes both ways after CONNECT and names the connection [S0-13] [S0-14] [S0-15] [S0-18]", async () => {
    const answer = await bench.connect(agent, `app.internal:${echo.port}`);
    expect(answer.status).toBe(200);
    expect(answer.headers["sallyport-connection-id"]).toMatch(/^[0-9a-f]{10}-[0-9a-z]+$/);
    answer.socket.end("hello");
    expect((await readAll(answer.socket)).toString()).toBe("hello");
  });
});

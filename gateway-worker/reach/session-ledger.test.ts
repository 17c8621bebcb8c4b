import net from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { SessionReport } from "../../contract/reach.ts";
import { type SessionFacts, SessionLedger } from "./session-ledger.ts";

type Ends = { near: net.Socket; far: net.Socket };
const closing: { close(): void }[] = [];
afterEach(() => {
  for (const one of closing.splice(0)) one.close();
});

/** Two ends of one TCP connection, the near one paused as the ledger wants it. */
async function connection(): Promise<Ends> {
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true });
  await new Promise<void>((resolve) => { server.listen({ host: "127.0.0.1", port: 0 }, resolve); });
  const near = new Promise<net.Socket>((resolve) => { server.once("connection", resolve); });
  const far = net.connect({ host: "127.0.0.1", port: (server.address() as net.AddressInfo).port, allowHalfOpen: true });
  const ends = { near: (await near).on("error", () => {}), far: far.on("error", () => {}) };
  server.close();
  closing.push({ close: () => { ends.near.destroy(); ends.far.destroy(); } });
  return ends;
}

async function session(facts: Partial<SessionFacts> = {}, isCut?: () => Promise<boolean>): Promise<{ ledger: SessionLedger; reports: SessionReport[]; client: net.Socket; agent: net.Socket }> {
  const reports: SessionReport[] = [];
  const ledger = new SessionLedger({ onReports: (news) => reports.push(...news) });
  closing.push(ledger);
  const [client, agent] = [await connection(), await connection()];
  ledger.open({ sessionId: "s", agentId: "a", channelGatewayId: "g", source: "192.0.2.1", until: Date.now() / 1000 + 60, isReported: true, whyCut: () => "the channel was lost", ...facts }, { socket: client.near, raw: client.near }, { socket: agent.near, raw: agent.near, ...(isCut ? { isCut } : {}) });
  return { ledger, reports, client: client.far, agent: agent.far };
}

const over = async (reports: SessionReport[]): Promise<SessionReport> => {
  for (;;) {
    const last = reports.at(-1);
    if (last && last.endedAt !== null) return last;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

describe("a session's record", () => {
  it("has its bytes and says that both sides were done", async () => {
    const { client, agent, reports, ledger } = await session();
    agent.once("data", () => agent.end("answer"));
    client.end("ask");
    client.resume();
    expect(await over(reports)).toMatchObject({ bytesUp: 3, bytesDown: 6, endReason: "both sides were done" });
    expect([ledger.size, ledger.opened, ledger.bytesUp, ledger.bytesDown]).toEqual([0, 1, 3, 6]);
    expect(reports[0]).toMatchObject({ endedAt: null, openedAt: expect.any(String) as string });
  });

  it("ends at its time, within a second", async () => {
    const startedAt = performance.now();
    const { client, reports } = await session({ until: Date.now() / 1000 + 0.2 });
    const cut = new Promise((resolve) => { client.resume().once("close", resolve); });
    expect((await over(reports)).endReason).toBe("its time was over");
    await cut;
    expect(performance.now() - startedAt).toBeLessThan(1_500);
  });

  it("ends when a person says so, and only the one that was meant", async () => {
    const { ledger, reports } = await session();
    ledger.end(new Set(["another"]), "ended from the console");
    expect(ledger.size).toBe(1);
    ledger.end(new Set(["s"]), "ended from the console");
    expect((await over(reports)).endReason).toBe("ended from the console");
  });

  it("names what was lost when the agent's side was cut, and the client sees a cut", async () => {
    const { client, agent, reports } = await session();
    const seen = new Promise<string>((resolve) => { client.resume().once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "")).once("end", () => resolve("end")); });
    agent.resetAndDestroy();
    expect((await over(reports)).endReason).toBe("the channel was lost");
    expect(await seen).toBe("ECONNRESET");
  });

  it("does not take the end of a program that is gone for the end of its data", async () => {
    const { client, agent, reports } = await session({}, async () => true);
    const seen = new Promise<string>((resolve) => { client.resume().once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "")).once("end", () => resolve("end")); });
    agent.end("half of it");
    expect((await over(reports)).endReason).toBe("the channel was lost");
    expect(await seen).toBe("ECONNRESET");
  });

  it("is kept by the gateway that was asked, and not by the one that holds the channel", async () => {
    const { ledger, reports, client } = await session({ isReported: false });
    expect(ledger.reports()).toEqual([]);
    client.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(reports).toEqual([]);
  });
});

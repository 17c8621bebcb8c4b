/** The project's ClientHello vectors through a whole engine: who gets which bytes (T29). */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GatewayBench, readAll, runtimes } from "../support/gateway-bench.ts";
import { serve, tcpTo } from "../support/service-bench.ts";
import { countingServer } from "../support/sockets.ts";
import type { CountingServer } from "../support/sockets.ts";

type Vector = { id: string; hex: string; expect: string; split?: number[] | "bytewise" };
const { vectors } = JSON.parse(readFileSync(new URL("../fixtures/clienthello-sni-vectors.json", import.meta.url), "utf8")) as { vectors: Vector[] };

describe.each(runtimes)("first bytes of a pass-through service, on %s", (runtime) => {
  let bench: GatewayBench;
  let member: CountingServer;
  let port: number;
  const heard: Buffer[] = [];

  beforeAll(async () => {
    bench = await GatewayBench.start({ runtime });
    member = await countingServer((socket) => {
      const chunks: Buffer[] = [];
      socket.on("data", (chunk: Buffer) => void chunks.push(chunk)).on("end", () => {
        heard.push(Buffer.concat(chunks));
        socket.end("routed");
      });
    });
    port = (await serve(bench, [member], "tls-passthrough", { serverNames: ["gw.test"], limits: { handshakeTimeoutMs: 500 } })).service.port;
  });
  afterAll(async () => {
    await bench.close();
    await member.close();
  });

  /** Sends the vector in its segments and ends; what the client got, and what a member got. */
  async function send({ hex, split, expect: wanted }: Vector): Promise<"routed" | "refused" | "not the same bytes"> {
    const bytes = Buffer.from(hex, "hex");
    const ends = split === "bytewise" ? Array.from(bytes, (_, index) => index + 1) : [...(split ?? []), bytes.length];
    const socket = await tcpTo(port);
    let from = 0;
    for (const to of ends) {
      socket.write(bytes.subarray(from, to));
      from = to;
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (wanted !== "timeout-close") socket.end();
    const answer = (await readAll(socket)).toString("latin1");
    if (!answer.includes("routed")) return "refused";
    // The member answers only once it has noted what it got.
    return heard.at(-1)?.equals(bytes) === true ? "routed" : "not the same bytes";
  }

  it("routes what names the service, byte for byte, and refuses the rest before a member is touched [T29] [S3-08]", async () => {
    const wrong: string[] = [];
    for (const vector of vectors) {
      const accepted = member.accepted;
      const outcome = await send(vector);
      const mayRoute = vector.expect.startsWith("route:gw.test");
      const mustRoute = vector.expect === "route:gw.test";
      if (outcome === "not the same bytes" || (outcome === "routed" ? !mayRoute : mustRoute)) wrong.push(`${vector.id}: ${outcome}, ${vector.expect}`);
      if (outcome === "refused" && member.accepted !== accepted) wrong.push(`${vector.id}: a member was touched`);
    }
    expect(wrong).toEqual([]);
    expect(heard.length).toBeGreaterThanOrEqual(14);
  }, 60_000);
});

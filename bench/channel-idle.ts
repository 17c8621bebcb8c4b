/** Opens the idle channels of the channel benchmark, one identity each, and holds them until standard input ends. Prints a line when all are open. */
import { randomUUID } from "node:crypto";
import tls from "node:tls";
import { channelAlpn, channelPingEveryMs, channelPingTimeoutMs, streamAnswer } from "../contract/channel.ts";
import { readStreamHead, writeStreamHead } from "../gateway-worker/net/stream-head.ts";
import { YamuxSession } from "../gateway-worker/net/yamux.ts";
import { type BenchAgent, readChannelFiles } from "./channel-pki.ts";

const job = JSON.parse(process.argv[2] ?? "{}") as { dir: string; port: number; from: number; count: number };
const { agents } = readChannelFiles(job.dir);
const waiting = agents.slice(job.from, job.from + job.count);

async function open(agent: BenchAgent): Promise<void> {
  const socket = tls.connect({ host: "127.0.0.1", port: job.port, servername: "localhost", cert: agent.chainPem, key: agent.keyPem, rejectUnauthorized: false, ALPNProtocols: [channelAlpn] });
  await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  const session = new YamuxSession(socket, { isClient: true, onStream: (stream) => stream.destroy(), onEnd: (reason) => process.stderr.write(`an idle channel ended: ${reason}\n`) });
  // Idle as in the field: with its keep-alive.
  session.keepAlive({ everyMs: channelPingEveryMs, timeoutMs: channelPingTimeoutMs });
  const hello = session.open();
  hello.write(writeStreamHead({ kind: "hello", instance: randomUUID(), version: "bench", isListening: false }));
  const answer = streamAnswer.parse(await readStreamHead(hello, { timeoutMs: 20_000 }));
  if (answer.kind !== "welcome") throw new Error(JSON.stringify(answer));
  hello.resume().end();
}

await Promise.all(
  Array.from({ length: 32 }, async () => {
    for (let agent = waiting.pop(); agent; agent = waiting.pop()) await open(agent);
  }),
);
process.stdout.write("open\n");
process.stdin.on("end", () => process.exit(0)).resume();

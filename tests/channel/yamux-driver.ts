/** Our yamux session against the peer of tests/channel/go, as a program of its own so that it runs on Bun and on Node: prints what it found as one line of JSON. */
import { createHash, randomBytes } from "node:crypto";
import net from "node:net";
import { YamuxSession, type YamuxStream } from "../../gateway-worker/net/yamux.ts";

type Given = { port: number; isClient: boolean; script: "all" | "refused" };

const given = JSON.parse(process.argv[2] ?? "") as Given;
const events: string[] = [];
const session = new YamuxSession(net.connect(given.port, "127.0.0.1"), {
  isClient: given.isClient,
  onStream: (stream) => void stream.pipe(stream),
  onGoAway: () => events.push("go-away"),
  onEnd: (reason) => events.push(reason),
});

async function readAll(stream: YamuxStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function ask(command: string): YamuxStream {
  const stream = session.open();
  stream.write(`${command}\n`);
  return stream;
}

async function answer(command: string): Promise<string> {
  const stream = ask(command);
  stream.end();
  return (await readAll(stream)).toString();
}

function digest(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function echoes(count: number, size: number): Promise<boolean> {
  const sent = randomBytes(size);
  const all = await Promise.all(
    Array.from({ length: count }, async () => {
      const stream = ask("echo");
      stream.end(sent);
      return digest(await readAll(stream)) === digest(sent);
    }),
  );
  return all.every(Boolean);
}

async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function stuckThere(): Promise<{ sent: number; echoed: boolean }> {
  const before = given.isClient ? session.bytesUp : session.bytesDown;
  const stuck = ask("stuck");
  stuck.write(Buffer.alloc(2_000_000));
  const echoed = await echoes(2, 300_000);
  const sent = (given.isClient ? session.bytesUp : session.bytesDown) - before - 2 * (300_000 + "echo\n".length);
  stuck.destroy();
  return { sent, echoed };
}

async function stuckHere(): Promise<{ held: number; echoed: boolean; got: number }> {
  const stream = ask("source 8000000");
  stream.end();
  const before = given.isClient ? session.bytesDown : session.bytesUp;
  const echoed = await echoes(2, 300_000);
  const held = (given.isClient ? session.bytesDown : session.bytesUp) - before - 600_000;
  return { held, echoed, got: (await readAll(stream)).length };
}

async function reset(): Promise<void> {
  const stream = ask("read");
  await session.ping();
  stream.destroy();
  await session.ping();
}

async function goAway(): Promise<unknown> {
  const open = ask("echo");
  const said = await answer("goaway");
  await waitFor(() => session.isPeerGoingAway);
  let refusal = "";
  try {
    session.open();
  } catch (error) {
    refusal = (error as { code: string }).code;
  }
  open.end("still open");
  return { said, refusal, after: (await readAll(open)).toString() };
}

async function all(): Promise<unknown> {
  const echoed = await echoes(8, 8_000_000);
  const counted = ask("count");
  counted.end(Buffer.alloc(1_000_000));
  const results = {
    ping: (await session.ping()) >= 0,
    pinged: await answer("ping"),
    echoed,
    counted: (await readAll(counted)).toString(),
    opened: await answer("open 8 2000000"),
    stuckThere: await stuckThere(),
    stuckHere: await stuckHere(),
  };
  await reset();
  await waitFor(() => session.streams === 0);
  const streams = await answer("streams");
  return { ...results, streams, goAway: await goAway() };
}

/** The peer queues one stream and accepts none: those above are reset. */
async function refused(): Promise<unknown> {
  const streams = [session.open(), session.open(), session.open()];
  await waitFor(() => streams.filter((stream) => stream.destroyed).length === 2);
  return { isFirstOpen: streams[0]?.destroyed === false, error: (streams[1]?.errored as { code?: string } | null)?.code };
}

const results = await (given.script === "all" ? all() : refused());
session.close("done");
console.log(JSON.stringify({ results, events }));

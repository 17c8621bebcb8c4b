import { duplexPair } from "node:stream";
import type { Duplex } from "node:stream";
import { describe, expect, it } from "vitest";
import { flag, frameType, initialWindow, readHeader, writeHeader, type FrameHeader } from "./yamux-frames.ts";
import { YamuxError, YamuxSession, type YamuxOptions, type YamuxStream } from "./yamux.ts";

/** For what takes timers: a busy machine may be late. */
const patient = { timeout: 8_000, interval: 5 };

type Side = { session: YamuxSession; accepted: YamuxStream[]; ends: string[]; goAways: number; idles: number };

function side(socket: Duplex, options: Partial<YamuxOptions> & { isClient: boolean }): Side {
  const made: Omit<Side, "session"> = { accepted: [], ends: [], goAways: 0, idles: 0 };
  const session = new YamuxSession(socket, {
    onStream: (stream) => made.accepted.push(stream),
    onEnd: (reason) => made.ends.push(reason),
    onGoAway: () => (result.goAways += 1),
    onIdle: () => (result.idles += 1),
    ...options,
  });
  const result: Side = Object.assign(made, { session });
  return result;
}

function pair(server: Partial<YamuxOptions> = {}, client: Partial<YamuxOptions> = {}): { client: Side; server: Side } {
  const [left, right] = duplexPair();
  return { client: side(left, { ...client, isClient: true }), server: side(right, { ...server, isClient: false }) };
}

/** A session whose peer is played by the test, frame by frame. */
function against(options: Partial<YamuxOptions> = {}): Side & { peer: Duplex; frames: () => FrameHeader[]; send: (header: Partial<FrameHeader>, data?: Buffer) => void } {
  const [ours, peer] = duplexPair();
  const received: Buffer[] = [];
  peer.on("data", (chunk: Buffer) => received.push(chunk));
  return Object.assign(side(ours, { isClient: false, ...options }), {
    peer,
    frames: () => parse(Buffer.concat(received)),
    send: (header: Partial<FrameHeader>, data?: Buffer) => {
      peer.write(Buffer.concat([writeHeader({ type: frameType.windowUpdate, flags: 0, streamId: 0, length: data?.length ?? 0, ...header }), data ?? Buffer.alloc(0)]));
    },
  });
}

function parse(bytes: Buffer): FrameHeader[] {
  const frames: FrameHeader[] = [];
  for (let at = 0; at < bytes.length; ) {
    const header = readHeader(bytes, at);
    if (typeof header === "string") throw new Error(header);
    frames.push(header);
    at += 12 + (header.type === frameType.data ? header.length : 0);
  }
  return frames;
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function accepted(of: Side): Promise<YamuxStream> {
  await settled();
  const stream = of.accepted.at(-1);
  if (!stream) throw new Error("no stream was accepted");
  return stream;
}

/** All bytes up to the half-close. (The consumers of node:stream destroy what they have read, which here is a reset.) */
async function readAll(stream: YamuxStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  await new Promise((resolve, reject) => stream.on("end", resolve).on("error", reject));
  return Buffer.concat(chunks);
}

async function text(stream: YamuxStream): Promise<string> {
  return (await readAll(stream)).toString();
}

describe("streams", () => {
  it("carries a stream both ways and half-closes each direction on its own", async () => {
    const { client, server } = pair();
    const near = client.session.open();
    near.end("question");
    const far = await accepted(server);
    expect(await text(far)).toBe("question");
    far.end("answer");
    expect(await text(near)).toBe("answer");
    await settled();
    expect([client.session.streams, server.session.streams, client.idles, server.idles]).toEqual([0, 0, 1, 1]);
    expect([client.session.bytesUp, client.session.bytesDown]).toEqual([8, 6]);
  });

  it("opens odd ids as the client and even ones as the server", async () => {
    const { client, server } = pair();
    const ids = [client.session.open(), client.session.open(), server.session.open(), server.session.open()].map((stream) => stream.id);
    expect(ids).toEqual([1, 3, 2, 4]);
    await settled();
    expect(client.accepted.map((stream) => stream.id)).toEqual([2, 4]);
  });

  it("hands a reset to the other side as an error and frees the stream", async () => {
    const { client, server } = pair();
    const near = client.session.open();
    near.write("x");
    const far = await accepted(server);
    near.destroy();
    await settled();
    expect(far.destroyed).toBe(true);
    expect(far.errored).toMatchObject({ code: "stream-reset" });
    expect(server.session.streams).toBe(0);
  });

  it("moves more than a window, and the same bytes arrive", async () => {
    const { client, server } = pair();
    const near = client.session.open();
    const bytes = Buffer.alloc(3_000_000, "0123456789abcdef!");
    near.end(bytes);
    const far = await accepted(server);
    expect((await readAll(far)).equals(bytes)).toBe(true);
  });

  it("stops a stream that nobody reads at its window and lets the others go on [T08]", async () => {
    const { client, server } = pair();
    const stuck = client.session.open();
    stuck.write(Buffer.alloc(1_000_000));
    await accepted(server);
    const live = client.session.open();
    live.end(Buffer.alloc(2_000_000));
    const far = await accepted(server);
    expect((await readAll(far)).length).toBe(2_000_000);
    expect(client.session.bytesUp).toBe(2_000_000 + initialWindow);
  });

  it("refuses streams above the bound and takes new ones once others have gone", async () => {
    const { client, server } = pair({ streamsMax: 2 });
    const streams = [client.session.open(), client.session.open(), client.session.open()];
    await expect.poll(() => streams.map((stream) => stream.destroyed), patient).toEqual([false, false, true]);
    streams[0]?.destroy();
    await expect.poll(() => server.session.streams, patient).toBe(1);
    const fresh = client.session.open();
    await expect.poll(() => server.session.streams, patient).toBe(2);
    expect(fresh.destroyed).toBe(false);
  });

  it("opens no more than 256 streams that the peer has not answered", () => {
    const one = against();
    for (let count = 0; count < 256; count += 1) one.session.open();
    expect(() => one.session.open()).toThrow(YamuxError);
  });
});

describe("session", () => {
  it("measures the round trip with a ping", async () => {
    const { client } = pair();
    expect(await client.session.ping()).toBeGreaterThanOrEqual(0);
    expect(client.session.roundTripMs).not.toBeNull();
  });

  it("lets open streams finish after a go-away and takes no new ones", async () => {
    const { client, server } = pair();
    const near = client.session.open();
    const far = await accepted(server);
    server.session.goAway();
    await settled();
    expect([client.goAways, client.session.isPeerGoingAway, server.session.isGoingAway]).toEqual([1, true, true]);
    expect(() => client.session.open()).toThrow(/no new streams/);
    near.end("last");
    expect(await text(far)).toBe("last");
  });

  it("ends all streams with the session, once, with the reason", async () => {
    const { client, server } = pair();
    const near = client.session.open();
    const far = await accepted(server);
    const waiting = client.session.ping();
    client.session.close("done here");
    await expect(waiting).rejects.toThrow(/done here/);
    await settled();
    expect([client.ends, server.ends]).toEqual([["done here"], ["the peer closed the connection"]]);
    expect([near.destroyed, far.destroyed, client.session.isOver, server.session.isOver]).toEqual([true, true, true, true]);
    await expect(client.session.ping()).rejects.toThrow(/ended/);
    expect(() => client.session.open()).toThrow(/ended/);
  });

  it("ends when the peer is silent, and when a keep-alive ping is not answered", async () => {
    const silent = against({ silenceMs: 30 });
    const deaf = against();
    deaf.session.keepAlive({ everyMs: 10, timeoutMs: 30 });
    await expect.poll(() => [silent.ends, deaf.ends], patient).toEqual([["nothing heard from the peer for 0 s"], ["a keep-alive ping was not answered within 0 s"]]);
    expect(deaf.frames()).toEqual([{ type: frameType.ping, flags: flag.syn, streamId: 0, length: 1 }]);
  });
});

describe("keep-alive", () => {
  it("pings after each silence, not only after the deadline of the ping before", async () => {
    const at = against();
    at.session.keepAlive({ everyMs: 20, timeoutMs: 60_000 });
    for (let count = 1; count <= 3; count += 1) {
      await expect.poll(() => at.frames().length, patient).toBe(count);
      at.send({ type: frameType.ping, flags: flag.ack, length: count });
    }
    expect(at.ends).toEqual([]);
    at.session.close();
  });
});

describe("a peer that breaks the rules", () => {
  const data = frameType.data;
  const cases: { what: string; does: (at: ReturnType<typeof against>) => void }[] = [
    { what: "another version", does: (at) => at.peer.write(Buffer.from([1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0])) },
    { what: "an unknown frame type", does: (at) => at.peer.write(Buffer.from([0, 9, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0])) },
    { what: "a stream of our parity", does: (at) => at.send({ streamId: 2, flags: flag.syn }) },
    { what: "a stream opened twice", does: (at) => [1, 1].forEach((streamId) => at.send({ streamId, flags: flag.syn })) },
    { what: "data for a stream that was never opened", does: (at) => at.send({ type: data, streamId: 5 }, Buffer.alloc(3)) },
    { what: "data above the window", does: (at) => at.send({ type: data, streamId: 1, flags: flag.syn, length: initialWindow + 1 }) },
    { what: "a frame larger than any window", does: (at) => at.send({ type: data, streamId: 1, flags: flag.syn, length: 0xffff_ffff }) },
    { what: "a window above 4 GiB", does: (at) => at.send({ streamId: 1, flags: flag.syn, length: 0xffff_ffff }) },
    { what: "stream 0 as a stream", does: (at) => at.send({ type: data, streamId: 0 }) },
  ];
  for (const { what, does } of cases) {
    it(`is told a protocol error and cut off: ${what} [T08]`, async () => {
      const at = against();
      does(at);
      await settled();
      expect(at.ends).toHaveLength(1);
      expect(at.ends[0]).toMatch(/^protocol error: /);
      expect(at.frames().at(-1)).toMatchObject({ type: frameType.goAway, length: 1 });
    });
  }

  it("may still send to a stream that was reset here", async () => {
    const at = against({ onStream: (stream) => stream.destroy() });
    at.send({ streamId: 1, flags: flag.syn });
    at.send({ type: data, streamId: 1 }, Buffer.alloc(500));
    at.send({ streamId: 1, flags: flag.fin });
    await settled();
    expect(at.ends).toEqual([]);
    expect(at.frames().at(-1)).toMatchObject({ flags: flag.rst });
  });

  it("cannot pile up answers by sending pings without reading [T08]", async () => {
    const [ours, peer] = duplexPair({ highWaterMark: 65_536 });
    const at = side(ours, { isClient: false });
    const pings = Buffer.concat(Array.from({ length: 2_000 }, () => writeHeader({ type: frameType.ping, flags: flag.syn, streamId: 0, length: 7 })));
    for (let count = 0; count < 40 && at.ends.length === 0; count += 1) {
      peer.write(pings);
      await settled();
    }
    expect(at.ends).toEqual(["the peer does not read the answers to what it sends"]);
  });

  it("is slowed down when it opens and resets streams without end, and costs no memory [T08]", async () => {
    let opened = 0;
    const at = against({ streamsMax: 20, onStream: () => (opened += 1) });
    const started = performance.now();
    const frames: Buffer[] = [];
    for (let count = 0; count < 1_000; count += 1) {
      for (const flags of [flag.syn, flag.rst]) frames.push(writeHeader({ type: frameType.windowUpdate, flags, streamId: 1 + 2 * count, length: 0 }));
    }
    at.peer.write(Buffer.concat(frames));
    await expect.poll(() => opened, patient).toBeGreaterThan(60);
    expect(opened).toBeLessThan(20 + 2 * (performance.now() - started) + 50);
    expect(at.session.streams).toBeLessThanOrEqual(1);
    expect(at.ends).toEqual([]);
    at.session.close();
  });
});

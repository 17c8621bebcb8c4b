/** Whatever bytes a peer sends, a session neither throws nor hangs nor grows; whatever its streams do, the bytes that arrive are the bytes that were sent (T08). */
import { duplexPair } from "node:stream";
import type { Duplex } from "node:stream";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { initialWindow, writeHeader } from "./yamux-frames.ts";
import { YamuxSession, type YamuxStream } from "./yamux.ts";

type Watched = { session: YamuxSession; peer: Duplex; ends: string[]; accepted: YamuxStream[] };

function watch(onStream: (stream: YamuxStream) => void): Watched {
  const [ours, peer] = duplexPair();
  peer.resume();
  const watched: Omit<Watched, "session"> = { peer, ends: [], accepted: [] };
  const session = new YamuxSession(ours, {
    isClient: false,
    streamsMax: 8,
    windowMax: initialWindow,
    onStream: (stream) => {
      watched.accepted.push(stream);
      onStream(stream);
    },
    onEnd: (reason) => watched.ends.push(reason),
  });
  return { ...watched, session };
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A frame that is mostly legal, so that sequences get deep. */
const frame = fc
  .record({
    version: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
    type: fc.constantFrom(0, 0, 0, 1, 1, 1, 2, 3, 7),
    flags: fc.constantFrom(0, 0, 1, 1, 1, 2, 4, 8, 5, 9, 15, 0xfff0),
    streamId: fc.constantFrom(0, 1, 1, 3, 3, 5, 2, 4, 0xffff_ffff),
    length: fc.constantFrom(0, 1, 100, 3_000, 3_000, 262_144, 262_145, 0xffff_ffff),
    isCut: fc.boolean(),
  })
  .map(({ version, type, flags, streamId, length, isCut }) => {
    const head = Buffer.alloc(12);
    head.writeUInt8(version, 0);
    head.writeUInt8(type, 1);
    head.writeUInt16BE(flags, 2);
    head.writeUInt32BE(streamId, 4);
    head.writeUInt32BE(length, 8);
    const body = type === 0 && version === 0 ? Buffer.alloc(Math.min(length, isCut ? 10 : 300_000)) : Buffer.alloc(0);
    return Buffer.concat([head, body]);
  });

/** Cuts `bytes` into pieces of the given sizes, over and over. */
function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

describe("a session under hostile bytes", () => {
  it("survives frames of every kind in every order, and ends at most once with a reason [T08]", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 25 }), fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 4 }), fc.constantFrom("read", "ignore", "destroy", "echo"), async (frames, sizes, does) => {
        const at = watch((stream) => {
          if (does === "read") stream.resume();
          if (does === "destroy") stream.destroy();
          if (does === "echo") stream.pipe(stream);
        });
        const bytes = Buffer.concat(frames);
        for (const piece of cut(bytes, bytes.length > 20_000 ? sizes.map((size) => Math.max(size, 1_000)) : sizes)) at.peer.write(piece);
        await settled();
        expect(at.ends.length).toBe(at.session.isOver ? 1 : 0);
        expect(at.session.streams).toBeLessThanOrEqual(8);
        at.peer.destroy();
        await settled();
        at.session.close();
        expect(at.ends).toHaveLength(1);
        expect(at.ends[0]).not.toBe("");
        expect(at.ends[0]?.length).toBeLessThanOrEqual(80);
        expect([at.session.streams, at.accepted.every((stream) => stream.destroyed)]).toEqual([0, true]);
      }),
      { numRuns: 300 },
    );
  });

  it("survives bytes that are no frames, and true sessions with bytes changed [T08]", async () => {
    const legal = Buffer.concat([writeHeader({ type: 1, flags: 1, streamId: 1, length: 0 }), writeHeader({ type: 0, flags: 0, streamId: 1, length: 6 }), Buffer.from("abcdef"), writeHeader({ type: 2, flags: 1, streamId: 0, length: 9 }), writeHeader({ type: 1, flags: 4, streamId: 1, length: 0 })]);
    const changed = fc.array(fc.tuple(fc.nat(legal.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }).map((changes) => {
      const bytes = Buffer.from(legal);
      for (const [place, value] of changes) bytes[place] = value;
      return bytes;
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => Buffer.from(bytes)), changed), fc.integer({ min: 1, max: 40 }), async (bytes, size) => {
        const at = watch((stream) => stream.resume());
        for (const piece of cut(bytes, [size])) at.peer.write(piece);
        await settled();
        at.peer.end();
        await settled();
        expect([at.ends.length, at.session.isOver, at.session.streams]).toEqual([1, true, 0]);
      }),
      { numRuns: 500 },
    );
  });
});

const action = fc.record({ what: fc.constantFrom("open", "write", "write", "write", "end", "destroy", "read", "read", "turn"), stream: fc.nat(7), size: fc.constantFrom(0, 1, 13, 5_000, 40_000, 300_000), isServer: fc.boolean() });

type Line = { near: YamuxStream; sent: Buffer[]; far: YamuxStream | undefined; got: Buffer[]; isEnded: boolean; isFinished: boolean };

describe("two sessions", () => {
  it("deliver what was sent, in order, whatever their streams do [T08]", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 60 }), async (actions) => {
        const [left, right] = duplexPair();
        const lines: Line[] = [];
        const ends: string[] = [];
        const accept = (isServer: boolean) => (stream: YamuxStream) => {
          const line = lines.find((one) => one.near.id === stream.id && (one.near.session === server) !== isServer);
          if (!line) throw new Error(`stream ${stream.id} was not opened`);
          line.far = stream;
          stream.on("data", (chunk: Buffer) => line.got.push(Buffer.from(chunk)));
          stream.on("end", () => (line.isFinished = true));
          stream.pause();
        };
        const client: YamuxSession = new YamuxSession(left, { isClient: true, onStream: accept(false), onEnd: (reason) => ends.push(reason) });
        const server: YamuxSession = new YamuxSession(right, { isClient: false, onStream: accept(true), onEnd: (reason) => ends.push(reason) });
        let value = 0;
        for (const { what, stream, size, isServer } of actions) {
          if (what === "open") lines.push({ near: (isServer ? server : client).open(), sent: [], far: undefined, got: [], isEnded: false, isFinished: false });
          if (what === "turn") await settled();
          const line = lines[stream % Math.max(lines.length, 1)];
          if (!line || line.near.destroyed) continue;
          if (what === "write" && !line.isEnded) {
            const bytes = Buffer.alloc(size, (value += 1) % 256);
            line.sent.push(bytes);
            line.near.write(bytes);
          }
          if (what === "end" && !line.isEnded) {
            line.isEnded = true;
            line.near.end();
          }
          if (what === "destroy") line.near.destroy();
          if (what === "read") line.far?.resume();
        }
        for (const line of lines) line.far?.resume();
        await settled();
        for (const line of lines) line.far?.resume();
        const expected = lines.filter((line) => !line.near.destroyed);
        const lengthOf = (parts: Buffer[]): number => parts.reduce((sum, part) => sum + part.length, 0);
        for (let turn = 0; turn < 500 && expected.some((line) => lengthOf(line.got) < lengthOf(line.sent) || (line.isEnded && !line.isFinished)); turn += 1) await settled();
        for (const line of expected) {
          expect(Buffer.concat(line.got).equals(Buffer.concat(line.sent))).toBe(true);
          expect(line.isFinished).toBe(line.isEnded);
        }
        for (const line of lines) expect(Buffer.concat(line.sent).subarray(0, lengthOf(line.got)).equals(Buffer.concat(line.got))).toBe(true);
        expect(ends).toEqual([]);
        client.close();
        await settled();
        expect([ends.length, client.streams, server.streams]).toEqual([2, 0, 0]);
      }),
      { numRuns: 150 },
    );
  });
});

import { duplexPair } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { readStreamHead, StreamHeadError, writeStreamHead } from "./stream-head.ts";

describe("stream head", () => {
  it("arrives whatever pieces it is cut into, and leaves what follows unread", async () => {
    const [near, far] = duplexPair();
    const bytes = Buffer.concat([writeStreamHead({ kind: "hello", name: "Zürich" }), Buffer.from("SSH-2.0-x")]);
    const head = readStreamHead(far, { timeoutMs: 1_000 });
    for (const byte of bytes) near.write(Buffer.from([byte]));
    near.end();
    expect(await head).toEqual({ kind: "hello", name: "Zürich" });
    expect(far.isPaused()).toBe(true);
    expect(await text(far)).toBe("SSH-2.0-x");
  });

  it("comes twice on one stream, as an answer and a second head do", async () => {
    const [near, far] = duplexPair();
    near.write(Buffer.concat([writeStreamHead(1), writeStreamHead(2)]));
    expect(await readStreamHead(far, { timeoutMs: 1_000 })).toBe(1);
    expect(await readStreamHead(far, { timeoutMs: 1_000 })).toBe(2);
  });

  const cases: { what: string; bytes: Buffer; code: string }[] = [
    { what: "longer than allowed, before it is read", bytes: Buffer.from([0x20, 0x01]), code: "too-long" },
    { what: "empty", bytes: Buffer.from([0, 0]), code: "malformed" },
    { what: "no JSON", bytes: Buffer.from([0, 2, 0x7b, 0x7b]), code: "malformed" },
    { what: "no UTF-8", bytes: Buffer.from([0, 3, 0x22, 0xff, 0x22]), code: "malformed" },
  ];
  for (const { what, bytes, code } of cases) {
    it(`is refused when it is ${what} [T08]`, async () => {
      const [near, far] = duplexPair();
      near.write(bytes);
      await expect(readStreamHead(far, { timeoutMs: 1_000 })).rejects.toMatchObject({ code });
    });
  }

  it("is not waited for without end", async () => {
    const [near, far] = duplexPair();
    near.write(Buffer.from([0]));
    await expect(readStreamHead(far, { timeoutMs: 20 })).rejects.toBeInstanceOf(StreamHeadError);
  });

  it("is refused when the stream ends first", async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from([0]), Buffer.from([0, 9, 1])]) {
      const [near, far] = duplexPair();
      near.end(bytes);
      await expect(readStreamHead(far, { timeoutMs: 1_000 })).rejects.toMatchObject({ code: "ended" });
    }
    const [near, far] = duplexPair();
    near.destroy();
    far.destroy();
    await expect(readStreamHead(far, { timeoutMs: 1_000 })).rejects.toMatchObject({ code: "ended" });
  });
});

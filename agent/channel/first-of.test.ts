import { describe, expect, it } from "vitest";
import { firstOf } from "./first-of.ts";

const never = (signal: AbortSignal) => new Promise<string>((_, reject) => signal.addEventListener("abort", () => reject(new Error("given up"))));
const race = (starts: ((signal: AbortSignal) => Promise<string>)[], extra: { signal?: AbortSignal; discard?: (late: string) => void } = {}) =>
  firstOf({ items: starts, start: (start, signal) => start(signal), headStartMs: 20, signal: extra.signal ?? new AbortController().signal, discard: extra.discard ?? (() => undefined) });

describe("the first of several ways", () => {
  it("is the earliest that works, and a silent one holds the others up only for its head start", async () => {
    expect(await race([async () => "one", async () => "two"])).toBe("one");
    expect(await race([never, async () => "two"])).toBe("two");
    expect(await race([() => Promise.reject(new Error("refused")), async () => "two"])).toBe("two");
  });

  it("says why each failed, in their order", async () => {
    const failed = await race([() => Promise.reject(new Error("a")), () => Promise.reject(new Error("b"))]).catch((error: unknown) => error);
    expect((failed as AggregateError).errors.map(String)).toEqual(["Error: a", "Error: b"]);
  });

  it("gives a second success back, and ends when it is told to", async () => {
    const late: string[] = [];
    const slow = () => new Promise<string>((resolve) => setTimeout(() => resolve("slow"), 40));
    expect(await race([slow, async () => "fast"], { discard: (result) => late.push(result) })).toBe("fast");
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(late).toEqual(["slow"]);
    const stop = new AbortController();
    const ended = race([never, never], { signal: stop.signal });
    stop.abort();
    await expect(ended).rejects.toThrow("every way failed");
  });
});

import { describe, expect, it } from "vitest";
import { FloodGauge } from "./flood-gauge.ts";

describe("the flood gauge", () => {
  it("bears a page that is left, again and again, and not what goes on [T07] [H7]", () => {
    const seen: string[] = [];
    const gauge = new FloodGauge((kind) => seen.push(kind));
    for (let page = 0; page < 20; page += 1) for (let index = 0; index < 100; index += 1) gauge.count("reset", page * 10_000);
    expect(seen).toEqual([]);
    for (let index = 0; index < 300; index += 1) gauge.count("reset", 300_000 + index);
    expect(new Set(seen)).toEqual(new Set(["reset"]));
  });

  it("lets bodies and heads of any size pass, and not bytes without a purpose [T07]", () => {
    const seen: string[] = [];
    const gauge = new FloodGauge((kind) => seen.push(kind));
    let bytes = 0;
    for (let look = 0; look < 100; look += 1) {
      bytes += 10_000_000;
      gauge.credit(10_000_000);
      gauge.look(bytes);
    }
    expect(seen).toEqual([]);
    for (let look = 0; look < 100 && seen.length === 0; look += 1) gauge.look((bytes += 2_000_000));
    expect(seen).toEqual(["control bytes"]);
  });
});

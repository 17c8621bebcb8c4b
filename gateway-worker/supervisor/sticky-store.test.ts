import { mkdtempSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { stickyMax, StickyStore } from "./sticky-store.ts";

const service = "00000000-0000-4000-8000-000000000001";
const other = "00000000-0000-4000-8000-000000000002";
const member = "00000000-0000-4000-8000-000000000003";
let dir: string;
let now = 1_000;
const store = (): StickyStore => new StickyStore(dir, () => now);
const entry = (key: string, expiresAt = 5_000, serviceId = service) => ({ serviceId, key, memberId: member, expiresAt });

beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), "sallyport-sticky-"));
  now = 1_000;
});

describe("clients that are kept on a member", () => {
  it("are the same after a restart, without those whose time is over [S3-41] [S3-42]", async () => {
    const first = store();
    first.take([entry("192.0.2.1"), entry("192.0.2.2", 2_000), entry("192.0.2.3"), { ...entry("192.0.2.3"), memberId: null }]);
    await first.save();
    expect(statSync(path.join(dir, "sticky.json")).mode & 0o777).toBe(0o600);
    now = 3_000;
    const second = store();
    expect(await second.load()).toBeUndefined();
    expect(second.pages()).toEqual([[entry("192.0.2.1")]]);
  });

  it("are where the entry that lives longer says when two engines chose differently [S3-41]", () => {
    const one = store();
    one.take([entry("a", 4_000), { ...entry("a", 3_000), memberId: other }, entry("b", 3_000), { ...entry("b", 4_000), memberId: other }]);
    expect(one.pages().flat()).toEqual([entry("a", 4_000), { ...entry("b", 4_000), memberId: other }]);
    one.take([entry("a", 2_000), { ...entry("b", 0), memberId: null }]);
    expect(one.pages().flat()).toEqual([entry("a", 4_000)]);
  });

  it("go with their service and with their member", () => {
    const one = store();
    one.take([entry("a"), entry("b", 5_000, other)]);
    one.keepOnly(new Set([other]), new Set([member]));
    expect(one.pages()).toEqual([[entry("b", 5_000, other)]]);
    one.keepOnly(new Set([other]), new Set());
    expect(one.size).toBe(0);
  });

  it("are bounded: those not renewed for longest go first [T38]", () => {
    const one = store();
    one.take(Array.from({ length: stickyMax }, (_, index) => entry(`client ${index}`)));
    one.take([entry("client 0"), entry("new")]);
    expect(one.size).toBe(stickyMax);
    const keys = new Set(one.pages().flat().map(({ key }) => key));
    expect([keys.has("client 0"), keys.has("client 1"), keys.has("new")]).toEqual([true, false, true]);
    expect(Math.max(...one.pages().map((page) => page.length))).toBeLessThanOrEqual(5_000);
  });

  it("are scheduled anew when their file is damaged, and the sentence says so [T36]", async () => {
    writeFileSync(path.join(dir, "sticky.json"), "{");
    const one = store();
    expect(await one.load()).toMatch(/sticky\.json is damaged/);
    expect(one.size).toBe(0);
  });
});

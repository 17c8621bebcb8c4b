/** What a client is known by under masks. */
import { describe, expect, it } from "vitest";
import { sourceKey, wholeAddress } from "./source-key.ts";

describe("the key of a client's address", () => {
  it.each([
    ["192.0.2.77", wholeAddress, "192.0.2.77/32"],
    ["::ffff:192.0.2.77", wholeAddress, "192.0.2.77/32"],
    ["::ffff:c000:24d", wholeAddress, "192.0.2.77/32"],
    ["192.0.2.77", { prefix4: 24, prefix6: 64 }, "192.0.2.0/24"],
    ["192.0.2.77", { prefix4: 1, prefix6: 64 }, "128.0.0.0/1"],
    ["255.255.255.255", { prefix4: 30, prefix6: 64 }, "255.255.255.252/30"],
    ["2001:db8::1:2:3:4", { prefix4: 32, prefix6: 64 }, "2001:db8:0:0/64"],
    ["2001:db8:0:12ff::1", { prefix4: 32, prefix6: 56 }, "2001:db8:0:1200/56"],
    ["ffff::1", { prefix4: 32, prefix6: 1 }, "8000/1"],
    ["fe80::1%eth0", wholeAddress, "fe80:0:0:0:0:0:0:1/128"],
    ["no address", wholeAddress, "no address"],
  ])("is the network of %s", (source, mask, key) => {
    expect(sourceKey(source, mask)).toBe(key);
  });

  it("fits an entry of the table, whatever the source is", () => {
    expect(sourceKey("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", wholeAddress).length).toBeLessThanOrEqual(64);
    expect(sourceKey("x".repeat(500), wholeAddress)).toHaveLength(64);
  });
});

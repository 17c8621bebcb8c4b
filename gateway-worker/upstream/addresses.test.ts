import { describe, expect, it } from "vitest";
import { canonicalAddress, forbiddenAddress } from "./addresses.ts";

describe("addresses a resolved name may lead to", () => {
  const own = new Set(["198.51.100.7", "2001:db8:0:0:0:0:0:7"]);
  it.each(["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "0.0.0.0", "::", "169.254.169.254", "::ffff:a9fe:a9fe", "fe80::1", "fe80::1%eth0", "224.0.0.1", "255.255.255.255", "ff02::1", "198.51.100.7", "::ffff:198.51.100.7", "2001:db8::7", "nonsense"])(
    "never dials %s unless the server lists it [T02]",
    (address) => expect(forbiddenAddress(address, own)).toBeDefined(),
  );
  it.each(["10.1.2.3", "192.168.0.1", "8.8.8.8", "2001:db8::8", "fd00::1"])("dials %s", (address) => expect(forbiddenAddress(address, own)).toBeUndefined());
  it("gives every spelling of an address one form", () => {
    expect(canonicalAddress("2001:DB8::7")).toBe(canonicalAddress("2001:0db8:0:0:0:0:0:7"));
  });
});

import { describe, expect, it } from "vitest";
import { compileRule, type RuleSubject } from "./rule.ts";

const laptop: RuleSubject = { hostname: "BERLIN-Lap7", platform: "linux-x64", osName: "Debian GNU/Linux", osVersion: "13", architecture: "x64", softwareVersion: "0.1.0", addresses: ["10.20.3.4", "fe80::1%eth0", "::ffff:192.0.2.7"] };
const one = (field: string, operator: string, value: string) => compileRule({ match: "all", conditions: [{ field, operator, value }] as never });

describe("a dynamic group's rule", () => {
  it("compares names without regard to case [S1-55]", () => {
    expect(one("hostname", "starts-with", "berlin-")(laptop)).toBe(true);
    expect(one("hostname", "ends-with", "LAP7")(laptop)).toBe(true);
    expect(one("hostname", "equals", "berlin-lap8")(laptop)).toBe(false);
    expect(one("osName", "contains", "gnu")(laptop)).toBe(true);
    expect(one("agentVersion", "equals", "0.1.0")({ ...laptop, softwareVersion: null })).toBe(false);
  });

  it("finds an agent by any of its addresses, IPv4-mapped and zoned ones too [S1-55]", () => {
    expect(one("address", "in-subnet", "10.20.0.0/16")(laptop)).toBe(true);
    expect(one("address", "in-subnet", "192.0.2.0/24")(laptop)).toBe(true);
    expect(one("address", "in-subnet", "fe80::/10")(laptop)).toBe(true);
    expect(one("address", "in-subnet", "10.21.0.0/16")(laptop)).toBe(false);
    expect(one("address", "in-subnet", "10.20.0.0/16")({ ...laptop, addresses: ["not an address"] })).toBe(false);
  });

  it("asks for all conditions or for any, as it says [S1-55]", () => {
    const conditions = [{ field: "osName", operator: "contains", value: "debian" }, { field: "hostname", operator: "equals", value: "other" }] as never;
    expect(compileRule({ match: "all", conditions })(laptop)).toBe(false);
    expect(compileRule({ match: "any", conditions })(laptop)).toBe(true);
  });
});

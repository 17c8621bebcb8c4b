/** Members written as lines. */
import { describe, expect, it } from "vitest";
import { parseMembers } from "./member-lines.ts";

describe("members written one per line", () => {
  it("takes an address, a name with a port, and IPv6 in brackets", () => {
    const members = parseMembers(["10.0.1.10", "  mail2 mail2.example.com:8443 ", "", "six [2001:db8::1]:25", "2001:db8::2"], 443);
    expect(members.map(({ name, host, port }) => [name, host, port])).toEqual([["10.0.1.10", "10.0.1.10", 443], ["mail2", "mail2.example.com", 8443], ["six", "2001:db8::1", 25], ["2001:db8::2", "2001:db8::2", 443]]);
  });
});

import { describe, expect, it } from "vitest";
import { poolCreate, serviceCreate } from "./service-objects.ts";

function problems(schema: typeof poolCreate | typeof serviceCreate, value: unknown): string[] {
  const result = schema.safeParse(value);
  return result.success ? [] : result.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
}

describe("what is wrong with a value", () => {
  it("names the value and says what fits instead", () => {
    expect(problems(poolCreate, { name: "Mail", healthCheck: { kind: "https" } })).toEqual(['healthCheck.kind: "https" is not known here; use one of none, tcp, tls, http, smtp']);
    expect(problems(poolCreate, { name: "Mail", scheduling: "rr" })).toEqual(['scheduling: "rr" is not known here; use one of failover, first-alive, weighted-round-robin, least-connections, source-hash, round-robin']);
    expect(problems(poolCreate, { name: "Mail", isSessionBound: "yes" })).toEqual(['isSessionBound: "yes" is not true or false']);
    expect(problems(poolCreate, { name: "Mail", healthCheck: { kind: "tcp", intervalMs: 1 } })).toEqual(["healthCheck.intervalMs: 1 is out of range; use at least 500"]);
    expect(problems(poolCreate, { name: "Mail", colour: "red" })).toEqual([': "colour" is not known here; check the spelling']);
  });

  it("says what is missing, and asks for an entry where a list is empty", () => {
    expect(problems(poolCreate, {})).toEqual(["name: this is missing"]);
    expect(problems(poolCreate, { name: "Mail", healthCheck: {} })).toEqual(["healthCheck.kind: kind is missing; use one of none, tcp, tls, http, smtp"]);
    expect(problems(poolCreate, { name: "Mail", members: {} })).toEqual(["members: an object is not a list"]);
    expect(problems(serviceCreate, { name: "Mail", port: 443, acceptProxy: { kind: "required", sources: [] } })).toContain("acceptProxy.sources: the list is empty; give one or more");
  });

  it("shows nothing of a long text, which may be a key", () => {
    expect(problems(poolCreate, { name: "Mail", healthCheck: `-----BEGIN PRIVATE KEY-----\n${"A".repeat(64)}` })).toEqual(["healthCheck: this text is not an object"]);
  });
});

/** Findings stand at the field they name, and never get lost with a field that is not shown. */
import { describe, expect, it } from "vitest";
import { freshPool } from "../../pools/_components/fresh-pool.ts";
import { placeOf } from "./form-places.ts";
import type { ServiceValues } from "./service-values.ts";

const values: ServiceValues = { name: "Web", mode: "tls-reencrypt", protocol: "http", pool: freshPool };

describe("the place of a finding in the form", () => {
  it("is the field it names, a member's own row, or the section around it", () => {
    expect(["persistence", "memberTls.verify", "pool.members[3].host", "pool.healthCheck.timeoutMs", "pool.note", "limits.idleTimeoutMs"].map((field) => placeOf(field, values))).toEqual(["persistence", "memberTls", "pool.members.3", "pool.healthCheck", "pool", "limits"]);
  });

  it("is the choice of the pool when its settings are not in this form", () => {
    expect(placeOf("pool.members[3].host", { ...values, pool: undefined, poolId: "some" })).toBe("pool");
  });

  it("is none when the field is not shown, so that the plan shows it", () => {
    expect(["certificateIds", "memberTls.verify", "memberHost", "gateways[0].pins", null].map((field) => placeOf(field, { ...values, mode: "tls-passthrough", protocol: "tcp" }))).toEqual([null, null, null, null, null]);
  });
});

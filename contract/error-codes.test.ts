import { describe, expect, it } from "vitest";
import { agentErrors, consoleErrors, refusals } from "./error-codes.ts";

describe("error codes", () => {
  const all = [...Object.entries(refusals), ...Object.entries(consoleErrors), ...Object.entries(agentErrors)];

  it("mean one thing each", () => {
    expect(new Set(all.map(([code]) => code)).size).toBe(all.length);
  });

  it.each(all)("%s is a short word with a whole sentence", (code, entry) => {
    expect(code).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    expect(entry.sentence).toMatch(/^[A-Z].*\.$/);
  });

  it("answer refused requests only with statuses of DESIGN section 3", () => {
    const statuses = new Set(Object.values(refusals).map(({ status }) => status));
    expect([...statuses].filter((status) => ![0, 400, 403, 404, 407, 408, 413, 421, 431, 502, 503, 504].includes(status))).toEqual([]);
  });
});

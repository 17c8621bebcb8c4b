import { describe, expect, it } from "vitest";
import { agentLines, readAgentLines } from "./agent-lines.ts";

describe("listening agents as lines", () => {
  it("reads what it wrote, for names and both kinds of address [X4-01]", () => {
    const agents = [{ host: "10.0.0.7", port: 2003 }, { host: "fd00::7", port: 2010 }, { host: "press.plant.example", port: 2003 }];
    expect(readAgentLines(agentLines(agents))).toEqual(agents);
  });
  it("takes the usual port, leaves out empty lines, and keeps a port that is none for the schema to name [X4-01]", () => {
    expect(readAgentLines(["10.0.0.7", "", "fd00::7", "a:b"])).toEqual([{ host: "10.0.0.7", port: 2003 }, { host: "fd00::7", port: 2003 }, { host: "a", port: Number.NaN }]);
  });
});

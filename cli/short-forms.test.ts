import { describe, expect, it } from "vitest";
import { operationNamed, type Schema } from "./operations.ts";
import { shortFormOf } from "./short-forms.ts";

/** The schema of a property of an operation's input, without its null. */
function schemaOf(operation: string, property: string): Schema {
  const schema = operationNamed(operation).input?.properties?.[property];
  return schema?.anyOf?.find((option) => option.type !== "null") ?? schema ?? {};
}
const read = (operation: string, property: string, text: string) => shortFormOf(schemaOf(operation, property))?.read(text);

describe("short forms", () => {
  it("write addresses, services and roles without JSON", () => {
    expect(read("relay.create", "address", "relay.corp.example:2002")).toEqual({ host: "relay.corp.example", port: 2002 });
    expect(read("relay.create", "agentAddress", "[fd00::2]")).toEqual({ host: "fd00::2" });
    expect(read("relay.create", "listeningAgents", "10.0.0.2,10.0.0.3:2004")).toEqual([{ host: "10.0.0.2" }, { host: "10.0.0.3", port: 2004 }]);
    expect(read("reachRule.create", "services", "ssh:22, camera:10.9.9.9:554")).toEqual([{ name: "ssh", port: 22 }, { name: "camera", host: "10.9.9.9", port: 554 }]);
    expect(read("reachRule.create", "who", "operator,administrator")).toEqual({ roles: ["operator", "administrator"] });
    expect(read("reachRule.create", "approval", "owner")).toEqual({ roles: ["owner"] });
    expect(read("task.create", "order", "diagnose")).toEqual({ kind: "diagnose" });
  });

  it("leave JSON and what they do not know alone", () => {
    expect(read("reachRule.create", "services", `[{"name":"ssh","port":22}]`)).toBeUndefined();
    expect(read("reachRule.create", "services", "ssh")).toBeUndefined();
    expect(read("task.create", "order", "run-script")).toBeUndefined();
    expect(read("relay.create", "address", `{"host":"a"}`)).toBeUndefined();
    expect(shortFormOf({ type: "object", properties: { a: {} } })).toBeUndefined();
  });
});

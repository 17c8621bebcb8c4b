import { expect, it } from "vitest";
import { isRenewalDue } from "./rotate.ts";
import { interpreterOf } from "./script.ts";
import { scriptProblem } from "./script-permission.ts";

it("starts the interpreter that the first line names, as the system would", () => {
  expect(interpreterOf("echo hello\n")).toEqual(["/bin/sh"]);
  expect(interpreterOf("#!/bin/bash -e\necho")).toEqual(["/bin/bash", "-e"]);
  expect(interpreterOf("#! /usr/bin/env  python3\r\nprint()")).toEqual(["/usr/bin/env", "python3"]);
  expect(interpreterOf("#!/bin/sh")).toEqual(["/bin/sh"]);
  expect(interpreterOf("\n#!/bin/bash\n")).toEqual(["/bin/sh"]);
});

it("lets a script run only when one permission covers all of it [S4-43]", () => {
  const order = { kind: "run-script" as const, script: "true", user: "web", timeoutSeconds: 60, outputMaxBytes: 5_000 };
  const allowed = { users: ["web", "agent"], timeoutMaxSeconds: 60, outputMaxBytes: 5_000 };
  expect(scriptProblem(order, [allowed])).toBeNull();
  expect(scriptProblem(order, [])).toMatch(/no scripts/);
  expect(scriptProblem({ ...order, user: "root" }, [allowed])).toMatch(/as root/);
  // Two half permissions are none.
  expect(scriptProblem(order, [{ ...allowed, timeoutMaxSeconds: 59 }, { ...allowed, outputMaxBytes: 4_999 }, { ...allowed, users: ["agent"] }])).toMatch(/at most 60 seconds and 5000 bytes/);
});

it("renews a certificate when two thirds of its life have passed", () => {
  const certificate = { validFrom: "Jan  1 00:00:00 2027 GMT", validTo: "Mar 31 00:00:00 2027 GMT" }; // 89 days
  const at = (days: number) => Date.UTC(2027, 0, 1) + days * 86_400_000;
  expect([58, 59, 60, 100].map((days) => isRenewalDue(certificate, at(days)))).toEqual([false, false, true, true]);
});

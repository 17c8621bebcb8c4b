/** One health check of one member, whatever its kind: a result with its cause in words, never an exception (S3-16 to S3-19, T31). */
import type { HealthCheck } from "../../../contract/health-check.ts";
import type { SnapshotMember } from "../../../contract/pool.ts";
import { endpointText, ProbeFailure } from "./failure-words.ts";
import type { CheckResult } from "./member-state.ts";
import { CheckDeadline } from "./probe-socket.ts";
import { probeTcp } from "./tcp.ts";

export type ActiveCheck = Exclude<HealthCheck, { kind: "none" }>;
export type ProbeInput = {
  member: Pick<SnapshotMember, "name" | "host" | "port">;
  check: ActiveCheck;
  /** The organisation's CA, PEM, one certificate each; used with the system's where the check lists no anchors. */
  anchorsPem: readonly string[];
};

/** Takes at most `check.timeoutMs` and then a little; opens and closes its own sockets. */
export async function probeMember(input: ProbeInput): Promise<CheckResult> {
  const deadline = new CheckDeadline(input.check.timeoutMs);
  const { name } = input.member;
  try {
    return await probe(input, deadline);
  } catch (error) {
    const reason = error instanceof ProbeFailure ? error.message : `the check itself failed: ${error instanceof Error ? error.message : "unknown error"}`;
    return { state: "down", cause: `${name}: down; ${reason}`, certificate: null };
  }
}

async function probe(input: ProbeInput, deadline: CheckDeadline): Promise<CheckResult> {
  const endpoint = { host: input.member.host, port: input.check.port ?? input.member.port };
  const { check } = input;
  switch (check.kind) {
    case "tcp":
      await probeTcp(endpoint, deadline);
      return { state: "up", cause: `${input.member.name}: up`, certificate: null };
    default:
      throw new ProbeFailure("name", `${endpointText(endpoint.host, endpoint.port)} has a check of an unknown kind`);
  }
}

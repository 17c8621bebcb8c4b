/** One health check of one member, whatever its kind: a result with its cause in words, never an exception (S3-16 to S3-19, T31). */
import type { HealthCheck } from "../../../contract/health-check.ts";
import type { SnapshotMember } from "../../../contract/pool.ts";
import { ProbeFailure } from "./failure-words.ts";
import { probeHttp } from "./http.ts";
import type { CheckResult } from "./member-state.ts";
import type { ProbeMeans } from "./probe-means.ts";
import { CheckDeadline, type ProbeEndpoint } from "./probe-socket.ts";
import { probeSmtp } from "./smtp.ts";
import { probeTcp } from "./tcp.ts";
import { CertificateFailure, probeTls } from "./tls.ts";

export type ActiveCheck = Exclude<HealthCheck, { kind: "none" }>;
export type ProbeInput = {
  member: Pick<SnapshotMember, "name" | "host" | "port">;
  check: ActiveCheck;
  means: ProbeMeans;
  /** Version of the PROXY protocol header that services send to the member; undefined: none. */
  proxyVersion?: 1 | 2 | undefined;
};

/** Takes at most `check.timeoutMs`; opens and closes its own sockets. */
export async function probeMember(input: ProbeInput): Promise<CheckResult> {
  const { name } = input.member;
  try {
    return await probe(input, new CheckDeadline(input.check.timeoutMs));
  } catch (error) {
    const reason = error instanceof ProbeFailure ? error.message : `the check could not be made: ${error instanceof Error ? error.message : "unknown error"}`;
    return { state: "down", cause: `${name}: down; ${reason}`, certificate: error instanceof CertificateFailure ? error.certificate : null };
  }
}

async function probe(input: ProbeInput, deadline: CheckDeadline): Promise<CheckResult> {
  const { check, means, member: { name, host, port } } = input;
  const endpoint: ProbeEndpoint = { host, port: check.port ?? port };
  // A port of its own for checks expects no header.
  if (input.proxyVersion !== undefined && endpoint.port === port) endpoint.proxyVersion = input.proxyVersion;
  const up = { state: "up" as const, cause: `${name}: up`, certificate: null };
  switch (check.kind) {
    case "tcp":
      await probeTcp(endpoint, means, deadline);
      return up;
    case "tls":
      return { ...up, certificate: await probeTls(endpoint, check, means, deadline) };
    case "http": {
      const { problem, certificate } = await probeHttp(endpoint, check, means, deadline);
      return problem === undefined ? { ...up, certificate } : { state: "down", cause: `${name}: down; ${problem}`, certificate };
    }
    case "smtp":
      return await probeSmtp({ name, endpoint, check, means, deadline });
  }
}

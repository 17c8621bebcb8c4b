/** The certificates that members present now, seen from the console: for people who ask, and for the planner. */
import tls from "node:tls";
import type { z } from "zod";
import type { memberCertificates, memberCertificatesInput } from "../../../contract/service-objects.ts";
import { type Caller, demandRole } from "../caller.ts";
import { trustAnchors } from "../certificate/authority.ts";
import { type MemberLook, type MemberTarget, readMember } from "./read-member.ts";

/** Members looked at in one moment; each look has deadlines of its own. */
const atOnce = 10;

/** Dials hosts that the caller names, so it demands the right to operate. A member that does not answer has a `problem` and empty facts. */
export async function memberCertificatesOf(caller: Caller, input: z.infer<typeof memberCertificatesInput>): Promise<z.infer<typeof memberCertificates>> {
  demandRole(caller, "operate");
  const anchorsPem = await usualAnchors(caller);
  const looks = await lookAt(input.members.map(({ host, port }) => ({ host, port, serverName: input.serverName, anchorsPem })));
  return looks.map((look, index) => {
    const name = input.members[index]?.name ?? "";
    if (look.kind === "failed") return { name, names: [], subject: "", issuer: "", notAfter: "", fingerprint: "", chain: 0, problem: look.detail };
    const { names, subject, issuer, notAfter, fingerprint, chainLength, chainProblem } = look.certificate;
    return { name, names, subject, issuer, notAfter, fingerprint, chain: chainLength ?? 0, problem: chainProblem ?? null };
  });
}

/** What a service that lists no anchors of its own verifies members against: the organisation's CA and the public roots. */
export async function usualAnchors(caller: Caller): Promise<string[]> {
  const { rootPem, issuingPem } = await trustAnchors(caller.db, caller.organisationId);
  return [rootPem, issuingPem, ...tls.rootCertificates];
}

/** Looks at all, in the order given, ten at a time. */
export async function lookAt(targets: readonly MemberTarget[]): Promise<MemberLook[]> {
  const looks: MemberLook[] = [];
  for (let from = 0; from < targets.length; from += atOnce) looks.push(...(await Promise.all(targets.slice(from, from + atOnce).map(readMember))));
  return looks;
}

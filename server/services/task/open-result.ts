/** Opens one uploaded result: sealed to the organisation, signed with a current certificate key of exactly this agent. Nothing of it is believed before both hold. */
import { X509Certificate } from "node:crypto";
import { compactVerify } from "jose";
import { commandAlgorithms, type TaskResult, resultType, taskResult } from "../../../contract/command.ts";
import { ConsoleError } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { openSealed } from "../console-key/open.ts";

export type AgentProof = readonly X509Certificate[];

/** The agent's certificates that are current: two while it changes over. */
export async function proofOf(caller: Caller, agentId: string): Promise<AgentProof> {
  const rows = await caller.db.certificate.findMany({ where: { organisationId: caller.organisationId, agentId, purpose: "agent", isCurrent: true, revokedAt: null }, orderBy: { createdAt: "desc" }, select: { pem: true } });
  return rows.map((row) => new X509Certificate(row.pem));
}

/** Throws `command-invalid`. */
export async function openResult(caller: Caller, proof: AgentProof, sealed: string): Promise<TaskResult> {
  const signed = new TextDecoder().decode(await openSealed(caller.db, caller.organisationId, sealed));
  const parsed = taskResult.safeParse(await verifiedClaims(signed, proof));
  if (parsed.success) return parsed.data;
  throw new ConsoleError("command-invalid", "A result does not have the shape of one.");
}

async function verifiedClaims(signed: string, proof: AgentProof): Promise<unknown> {
  for (const certificate of proof) {
    try {
      const { payload, protectedHeader } = await compactVerify(signed, certificate.publicKey, { algorithms: [commandAlgorithms.signature] });
      if (protectedHeader.typ !== resultType) break;
      return JSON.parse(new TextDecoder().decode(payload));
    } catch {
      // Perhaps the other key signed it; when none did, it is refused below.
    }
  }
  throw new ConsoleError("command-invalid", "A result is not signed with this agent's key.");
}

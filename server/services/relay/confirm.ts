/** Confirms a relay's certificate after a person compared it (X4-04): from then on gateways take what it carries. */
import type { z } from "zod";
import type { relayConfirm } from "../../../contract/relay-objects.ts";
import { ConsoleError, notFound } from "../../errors.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { writeInOrganisation } from "../object/write.ts";
import { confirmedOf } from "./for-gateways.ts";
import { publishRelayChange } from "./rules.ts";

/** Certificates kept per relay; the contract takes no more. */
const confirmedMax = 20;

/** Only a certificate that answered with this relay's id can be confirmed. Throws `relay-not-answering`. */
export async function confirmRelay(caller: Caller, input: z.infer<typeof relayConfirm>, now: Date = new Date()): Promise<{ id: string }> {
  const { organisationId } = caller;
  return writeInOrganisation(caller, async (tx) => {
    const relay = await tx.relay.findFirst({ where: { id: input.id, organisationId }, select: { name: true, confirmed: true, sessions: { where: { fingerprint: { not: null } }, select: { fingerprint: true } } } });
    if (!relay) throw notFound("relay", input.id);
    const confirmed = confirmedOf(relay.confirmed);
    if (confirmed.some((entry) => entry.fingerprint === input.fingerprint)) return { id: input.id };
    if (!relay.sessions.some((session) => session.fingerprint === input.fingerprint)) {
      throw new ConsoleError("relay-not-answering", `No node of relay "${relay.name}" has answered with the certificate ${input.fingerprint.slice(0, 16)}…; start the relay, and compare what its page then shows.`, { fields: [{ path: "fingerprint", message: "not seen from this relay" }] });
    }
    if (confirmed.length >= confirmedMax) throw new ConsoleError("input-invalid", `Relay "${relay.name}" has ${confirmedMax} confirmed certificates already; nodes behind one balancer may share one key file.`);
    await tx.relay.updateMany({ where: { id: input.id, organisationId }, data: { confirmed: [...confirmed, { fingerprint: input.fingerprint, by: caller.actor.name, at: now.toISOString() }], version: { increment: 1 } } });
    await recordAudit(tx, caller, { action: "relay.confirm", target: { kind: "relay", id: input.id, name: relay.name }, changes: [{ path: "fingerprint", before: null, after: input.fingerprint }] });
    await publishRelayChange(tx, caller, input.id);
    return { id: input.id };
  });
}

/** Walks the audit's hash chain: an altered, removed or inserted event breaks it at its place. */
import type { z } from "zod";
import type { auditVerifyReply } from "../../../contract/procedures.ts";
import type { Caller } from "../caller.ts";
import { hashAudit } from "./record.ts";

/** Events read at once. */
const pageSize = 1_000;

type Reply = z.infer<typeof auditVerifyReply>;

/** Reads the head and all events in one snapshot of the database, so that events written meanwhile are not taken for a break. */
export async function verifyAudit(caller: Caller): Promise<Reply> {
  return caller.db.$transaction(
    async (tx) => {
      const { auditHash } = await tx.organisation.findUniqueOrThrow({ where: { id: caller.organisationId }, select: { auditHash: true } });
      let previousHash = "";
      let events = 0;
      let after = 0n;
      for (;;) {
        const page = await tx.auditEvent.findMany({ where: { organisationId: caller.organisationId, id: { gt: after } }, orderBy: { id: "asc" }, take: pageSize });
        for (const event of page) {
          if (event.previousHash !== previousHash) return broken(events, event.id, "an event before it was removed or inserted");
          if (hashAudit(event) !== event.hash) return broken(events, event.id, "it was altered after it was written");
          previousHash = event.hash;
          events += 1;
          after = event.id;
        }
        if (page.length < pageSize) break;
      }
      if (previousHash !== auditHash) return { isIntact: false, events, brokenAt: null, detail: "The newest events are missing: the chain ends before the organisation's head." };
      return { isIntact: true, events, brokenAt: null, detail: `${events} events, unbroken.` };
    },
    { isolationLevel: "RepeatableRead", timeout: 120_000 },
  );
}

function broken(events: number, id: bigint, why: string): Reply {
  return { isIntact: false, events, brokenAt: String(id), detail: `The chain breaks at event ${id}: ${why}.` };
}

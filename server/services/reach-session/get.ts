/** One session of reverse access. */
import type { z } from "zod";
import type { reachSessionRow } from "../../../contract/reach-objects.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { sessionColumns, toSessionRows } from "./list.ts";

export async function getReachSession(caller: Caller, input: { id: string }): Promise<z.infer<typeof reachSessionRow>> {
  const row = await caller.db.reachSession.findFirst({ where: { id: input.id, organisationId: caller.organisationId }, select: sessionColumns });
  const [found] = row ? await toSessionRows(caller, [row]) : [];
  if (!found) throw notFound("session", input.id);
  return found;
}

/** The refusal ledger: every refused connection with its reason and cure in people's words (N1). */
import type { z } from "zod";
import { certificateSummary } from "../../../contract/control.ts";
import { refusalCode, refusals } from "../../../contract/error-codes.ts";
import type { refusalList, refusalRow, refusalRows } from "../../../contract/objects.ts";
import type { Prisma } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { containing, direction, iso, pageOf } from "../object/list.ts";

type Input = z.infer<typeof refusalList>;
type Row = Prisma.RefusalGetPayload<object>;
type Names = Map<string, string>;

export async function listRefusals(caller: Caller, input: Input): Promise<z.infer<typeof refusalRows>> {
  const where = filter(caller, input);
  const by = direction(input);
  const [rows, total] = await Promise.all([
    caller.db.refusal.findMany({ where, orderBy: [input.sort === "at" ? { at: by } : input.sort === "code" ? { code: by } : { source: by }, { id: "asc" }], ...pageOf(input) }),
    caller.db.refusal.count({ where }),
  ]);
  const [gateways, agents] = await Promise.all([gatewayNames(caller, rows), agentNames(caller, rows)]);
  return { rows: rows.flatMap((row) => toRefusalRow(row, gateways, agents) ?? []), total };
}

function filter(caller: Caller, input: Input): Prisma.RefusalWhereInput {
  const text = containing(input.search);
  return {
    organisationId: caller.organisationId,
    // A code that this build does not know (written by a newer one) has no words here, and is left out of rows and total alike.
    code: input.code ?? { in: [...refusalCode.options] },
    ...(input.gatewayId ? { gatewayId: input.gatewayId } : {}),
    ...(input.agentId ? { agentId: input.agentId } : {}),
    ...(input.since ? { at: { gte: new Date(input.since) } } : {}),
    ...(text ? { OR: [{ source: text }, { target: text }, { detail: text }, { connectionId: input.search }, { serverName: text }] } : {}),
  };
}

async function gatewayNames(caller: Caller, rows: readonly Row[]): Promise<Names> {
  const found = await caller.db.gateway.findMany({ where: { organisationId: caller.organisationId, id: { in: rows.flatMap((row) => row.gatewayId ?? []) } }, select: { id: true, name: true } });
  return new Map(found.map((gateway) => [gateway.id, gateway.name]));
}

async function agentNames(caller: Caller, rows: readonly Row[]): Promise<Names> {
  const found = await caller.db.agent.findMany({ where: { organisationId: caller.organisationId, id: { in: rows.flatMap((row) => row.agentId ?? []) } }, select: { id: true, hostname: true } });
  return new Map(found.map((agent) => [agent.id, agent.hostname]));
}

function toRefusalRow(row: Row, gateways: Names, agents: Names): z.infer<typeof refusalRow> | undefined {
  const code = refusalCode.safeParse(row.code);
  if (!code.success) return undefined;
  const certificate = certificateSummary.safeParse(row.certificate);
  const { sentence, cure } = refusals[code.data];
  return {
    id: row.id, at: iso(row.at), code: code.data, sentence, cure, detail: row.detail, gateway: refOf(row.gatewayId, gateways, "(deleted gateway)"), agent: refOf(row.agentId, agents, "(unknown agent)"),
    source: row.source, target: row.target ?? row.serverName, connectionId: row.connectionId, count: row.count, certificate: certificate.success ? certificate.data : null,
  };
}

function refOf(id: string | null, names: Names, otherwise: string): { id: string; name: string } | null {
  return id === null ? null : { id, name: names.get(id) ?? otherwise };
}

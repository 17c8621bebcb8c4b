/** From an agent's name to the agent: `HOSTNAME.SITE.agents`, `AGENT-ID.agents`, both without the suffix. A name that two agents answer to is refused with their ids (N9). */
import { parseAgentName, siteLabel } from "../../../contract/reach.ts";
import type { Db, Prisma, Tx } from "../../db.ts";
import { readSiteMap, siteOf } from "../agent/site-of.ts";

/** Agents of one host name that are looked at, and those that a refusal lists. */
const twinsMax = 200;
const shownMax = 5;

export type ReachAgent = { id: string; hostname: string; groupIds: ReadonlySet<string> };
export type Resolution = { kind: "agent"; agent: ReachAgent } | { kind: "refused"; code: "reach-name" | "reach-agent-unknown"; detail: string };

const columns = { id: true, hostname: true, addresses: true, relayPath: true, groups: { select: { groupId: true } } } as const satisfies Prisma.AgentSelect;
type Row = Prisma.AgentGetPayload<{ select: typeof columns }>;

/** Only agents that are enrolled, approved and not revoked have a name. */
export async function resolveAgent(reader: Db | Tx, organisationId: string, text: string): Promise<Resolution> {
  const name = parseAgentName(text);
  if (!name) return { kind: "refused", code: "reach-name", detail: `"${text.slice(0, 100)}" is no agent's name; write HOSTNAME.SITE.agents or AGENT-ID.agents.` };
  const present = { organisationId, enrolledAt: { not: null }, revokedAt: null, awaitsApproval: false } satisfies Prisma.AgentWhereInput;
  if (name.kind === "id") {
    const row = await reader.agent.findFirst({ where: { ...present, id: name.agentId }, select: columns });
    return row ? found(row) : unknown(`no enrolled agent has the id ${name.agentId}`);
  }
  const pattern = name.hostname.replace(/[\\%_]/g, "\\$&");
  const rows = await reader.agent.findMany({ where: { ...present, OR: [{ hostname: { equals: pattern, mode: "insensitive" } }, { hostname: { startsWith: `${pattern}.`, mode: "insensitive" } }] }, select: columns, orderBy: { id: "asc" }, take: twinsMax });
  return name.site === null ? onlyOne(rows, rows.map((row) => ({ row, site: null })), name.hostname) : inSite(reader, organisationId, rows, { hostname: name.hostname, site: name.site });
}

async function inSite(reader: Db | Tx, organisationId: string, rows: readonly Row[], name: { hostname: string; site: string }): Promise<Resolution> {
  if (rows.length === 0) return unknown(`no enrolled agent is called ${name.hostname}`);
  const map = await readSiteMap(reader, organisationId);
  const placed = rows.map((row) => ({ row, site: siteOf(map, row)?.name ?? null }));
  const fitting = placed.filter(({ site }) => site !== null && siteLabel(site) === name.site);
  if (fitting.length > 0) return onlyOne(rows, fitting, `${name.hostname}.${name.site}`);
  const sites = [...new Set(placed.map(({ site }) => (site === null ? "no site" : siteLabel(site))))].slice(0, shownMax);
  return unknown(`${name.hostname} is in ${sites.join(", ")}, not in ${name.site}`);
}

function onlyOne(rows: readonly Row[], fitting: readonly { row: Row; site: string | null }[], shown: string): Resolution {
  const [first] = fitting;
  if (!first) return unknown(`no enrolled agent is called ${shown}`);
  if (fitting.length === 1) return found(first.row);
  const ids = fitting.slice(0, shownMax).map(({ row }) => row.id).join(", ");
  const more = fitting.length > shownMax ? ` and ${fitting.length - shownMax} more` : "";
  return { kind: "refused", code: "reach-name", detail: `${shown} means ${rows.length >= twinsMax ? "at least " : ""}${fitting.length} agents: ${ids}${more}. Write AGENT-ID.agents.` };
}

function found(row: Row): Resolution {
  return { kind: "agent", agent: { id: row.id, hostname: row.hostname, groupIds: new Set(row.groups.map((group) => group.groupId)) } };
}

function unknown(detail: string): Resolution {
  return { kind: "refused", code: "reach-agent-unknown", detail: `There is no such agent: ${detail}.` };
}

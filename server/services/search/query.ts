/** Finds objects by name across kinds, for the command palette. Names that start with the text come first. */
import type { z } from "zod";
import type { searchReply } from "../../../contract/objects.ts";
import { Prisma } from "../../db.ts";
import type { Caller } from "../caller.ts";
import { likeLiteral } from "../object/list.ts";

type Found = z.infer<typeof searchReply>;

/** Of each kind at most; the palette shows a short list. */
const perKindMax = 6;
const totalMax = 24;

export async function searchObjects(caller: Caller, input: { text: string }): Promise<Found> {
  if (input.text === "") return [];
  const contains = `%${likeLiteral(input.text)}%`;
  const starts = `${likeLiteral(input.text)}%`;
  const kind = (name: string, from: Prisma.Sql) => Prisma.sql`(SELECT ${name}::text AS kind, id::text, name, hint, name ILIKE ${starts} AS starts FROM (${from}) found WHERE name ILIKE ${contains} OR hint ILIKE ${contains} ORDER BY name ILIKE ${starts} DESC, lower(name), id LIMIT ${perKindMax})`;
  const organisation = Prisma.sql`"organisationId" = ${caller.organisationId}::uuid`;
  const rows = await caller.db.$queryRaw<(Found[number] & { starts: boolean })[]>(Prisma.join([
    kind("site", Prisma.sql`SELECT id, name, kind || ' site' AS hint FROM "Site" WHERE ${organisation}`),
    kind("server", Prisma.sql`SELECT id, name, array_to_string(names, ', ') AS hint FROM "Server" WHERE ${organisation}`),
    kind("gateway", Prisma.sql`SELECT id, name, array_to_string("publicNames", ', ') AS hint FROM "Gateway" WHERE ${organisation}`),
    kind("agentGroup", Prisma.sql`SELECT id, name, kind || ' group' AS hint FROM "AgentGroup" WHERE ${organisation}`),
    kind("agent", Prisma.sql`SELECT id, hostname AS name, platform AS hint FROM "Agent" WHERE ${organisation}`),
    kind("policy", Prisma.sql`SELECT id, name, CASE WHEN "isEnabled" THEN 'enabled' ELSE 'disabled' END AS hint FROM "Policy" WHERE ${organisation}`),
    kind("relay", Prisma.sql`SELECT r.id, r.name, 'relay ' || r.number || coalesce(', ' || (SELECT s.name FROM "Site" s WHERE s.id = r."siteId"), '') AS hint FROM "Relay" r WHERE r.${organisation}`),
    kind("reachRule", Prisma.sql`SELECT id, name, coalesce((SELECT string_agg(entry->>'name', ', ') FROM jsonb_array_elements(services) AS entry), 'scripts') AS hint FROM "ReachRule" WHERE ${organisation}`),
    kind("virtualService", Prisma.sql`SELECT id, name, mode || coalesce(' ' || nullif(array_to_string("serverNames", ', '), ''), '') || ' port ' || port AS hint FROM "VirtualService" WHERE ${organisation}`),
    kind("pool", Prisma.sql`SELECT p.id, p.name, coalesce((SELECT string_agg(m.host, ', ' ORDER BY m.ordinal) FROM "PoolMember" m WHERE m."poolId" = p.id AND m.ordinal < 20), 'no members') AS hint FROM "Pool" p WHERE p.${organisation}`),
    kind("certificate", Prisma.sql`SELECT id, CASE WHEN name = '' THEN subject ELSE name END AS name, fingerprint AS hint FROM "Certificate" WHERE ${organisation}`),
    kind("bundle", Prisma.sql`SELECT id, name, platform AS hint FROM "Bundle" WHERE ${organisation}`),
  ], " UNION ALL "));
  return rows.sort((a, b) => Number(b.starts) - Number(a.starts)).slice(0, totalMax).map(({ kind: found, id, name, hint }) => ({ kind: found, id, name, hint }));
}

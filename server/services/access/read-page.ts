/** Reads the access stream of an organisation in the order of its versions: what gateways are told about who may connect. */
import { accessEntry, type AccessEntry, type AccessPage } from "../../../contract/access.ts";
import type { Db } from "../../db.ts";

/** The contract's bound of one page. */
export const accessPageMax = 5_000;

type Row = { version: bigint | null; kind: string; id: string; status: string; fingerprints: string[]; groupIds: string[]; expiresAt: Date | null; head: bigint };

/**
 * Entries with a version above `after`, oldest first, at most a page. Entries and the organisation's head are read in one statement, so that a complete page
 * stands for everything up to its version. Null when the organisation is gone.
 */
export async function readAccessPage(db: Db, organisationId: string, after: number, limit = accessPageMax): Promise<AccessPage | null> {
  const rows = await db.$queryRaw<Row[]>`
    SELECT o."accessVersion" AS head, e.version, e.kind, e.id::text AS id, e.status, e.fingerprints, e."groupIds"::text[] AS "groupIds", e."expiresAt"
      FROM "Organisation" o
      LEFT JOIN LATERAL (
        SELECT * FROM "AccessEntry" a WHERE a."organisationId" = o.id AND a.version > ${after}::bigint ORDER BY a.version LIMIT ${limit + 1}
      ) e ON true
     WHERE o.id = ${organisationId}::uuid
     ORDER BY e.version`;
  const [first] = rows;
  if (!first) return null;
  const found = rows.filter((row): row is Row & { version: bigint } => row.version !== null);
  const entries = found.slice(0, limit).map(toEntry);
  const complete = found.length <= limit;
  return { version: complete ? Math.max(after, Number(first.head)) : (entries.at(-1)?.version ?? after), entries, complete };
}

function toEntry(row: Row & { version: bigint }): AccessEntry {
  return {
    version: Number(row.version),
    kind: row.kind === "bundle" ? "bundle" : "agent",
    id: row.id,
    status: accessEntry.shape.status.catch("revoked").parse(row.status),
    fingerprints: row.fingerprints.slice(0, 4),
    groupIds: row.groupIds.slice(0, 200),
    expiresAt: row.expiresAt === null ? null : Math.floor(row.expiresAt.getTime() / 1000),
  };
}

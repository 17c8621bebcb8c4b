/** Lets people write names where the API takes ids. */
import type { Connection } from "./config.ts";
import { usage } from "./errors.ts";
import { callApi } from "./http.ts";
import { namedTags, nounOf } from "./operations.ts";
import { cell, type Row } from "./output.ts";

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The id of the object that is called `text` (name, host name or e-mail address, any case), or `text` itself when it is an id. Throws when none or several fit. */
export async function resolveId(target: Connection, tag: string, text: string): Promise<string> {
  if (uuid.test(text) || !namedTags.has(tag)) return text;
  const rows = await listAll(target, tag, { search: text });
  const wanted = text.toLowerCase();
  const fitting = rows.filter((row) => [row["name"], row["hostname"], row["email"]].some((name) => typeof name === "string" && name.toLowerCase() === wanted));
  const [only] = fitting;
  if (fitting.length > 1) throw usage(`${fitting.length} ${tag} are called "${text}"; give the id instead.`, fitting.map((row) => `${cell(row["id"])}  ${cell(row["name"] ?? row["hostname"])}`));
  if (!only) throw usage(`There is no ${nounOf(tag)} called "${text}"; see: sallyport ${nounOf(tag)} list`);
  return String(only["id"]);
}

/** The id of a pool's member that is called `text`, or `text` itself when it is an id. */
export async function resolveMember(target: Connection, poolId: string, text: string): Promise<string> {
  if (uuid.test(text)) return text;
  const pool = (await callApi(target, { method: "GET", path: `/pools/${encodeURIComponent(poolId)}` })) as { name: string; members: Row[] };
  const member = pool.members.find((row) => String(row["name"]).toLowerCase() === text.toLowerCase());
  if (!member) throw usage(`Pool "${cell(pool.name)}" has no member called "${text}"; it has: ${pool.members.map((row) => cell(row["name"])).join(", ") || "none"}.`);
  return String(member["id"]);
}

/** Every row of a list, page by page; at most 20,000. */
export async function listAll(target: Connection, tag: string, query: Record<string, unknown>): Promise<Row[]> {
  const rows: Row[] = [];
  for (let page = 1; page <= 100; page += 1) {
    const reply = (await callApi(target, { method: "GET", path: `/${tag}`, query: { ...query, page, pageSize: 200 } })) as { rows: Row[]; total: number };
    rows.push(...reply.rows);
    if (rows.length >= reply.total || reply.rows.length === 0) break;
  }
  return rows;
}

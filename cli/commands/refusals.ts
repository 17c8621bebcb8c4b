/** refusals list, also as it happens. */
import type { Command } from "commander";
import { refusalRows } from "../../contract/objects.ts";
import { columnsFor } from "../columns.ts";
import { connection, type Connection } from "../config.ts";
import { CliError, usage } from "../errors.ts";
import { nounCommand, type Shared, show } from "../generic.ts";
import { callApi } from "../http.ts";
import { plain } from "../output.ts";
import { resolveId } from "../resolve.ts";

type Options = { code?: string; gateway?: string; agent?: string; since?: string; limit: string; follow?: boolean };
type Refusal = ReturnType<typeof refusalRows.parse>["rows"][number];

/** How often --follow asks, ms. */
const followEveryMs = 1_000;
/** How far back each question reaches, ms; an outage of the console that is longer loses lines here, not in the list. */
const overlapMs = 5 * 60_000;

export function addRefusals(program: Command, shared: Shared): void {
  nounCommand(program, "refusals")
    .command("list")
    .description("Connections that a gateway or the agent site refused, newest first; --follow shows them as they happen")
    .option("--code <code>", "only this reason, such as certificate-expired")
    .option("--gateway <name-or-id>", "only of this gateway")
    .option("--agent <name-or-id>", "only of this agent")
    .option("--since <time>", "ISO time, or a span back from now such as 15m, 2h, 3d")
    .option("--limit <number>", "how many", "50")
    .option("-f, --follow", "keep running and print new ones")
    .action((options: Options) => list(options, shared));
}

async function list(options: Options, shared: Shared): Promise<void> {
  const target = connection();
  const query = {
    sort: "at", desc: true, page: 1, pageSize: limitOf(options.limit), code: options.code,
    gatewayId: options.gateway === undefined ? undefined : await resolveId(target, "gateways", options.gateway),
    agentId: options.agent === undefined ? undefined : await resolveId(target, "agents", options.agent),
    since: options.since === undefined ? undefined : sinceOf(options.since),
  };
  const first = await read(target, query);
  if (!options.follow) return show(shared, "refusals", first);
  await follow(target, query, first.rows, shared);
}

/** Runs until interrupted. The windows overlap, since reports arrive late; ids keep lines single. */
async function follow(target: Connection, query: Record<string, unknown>, before: readonly Refusal[], shared: Shared): Promise<void> {
  const seen = new Set<string>();
  let rows: readonly Refusal[] = before;
  for (;;) {
    const fresh = rows.filter((row) => !seen.has(row.id)).reverse();
    for (const row of fresh) {
      seen.add(row.id);
      printOne(row, shared);
    }
    if (seen.size > 10_000) for (const id of [...seen].slice(0, 5_000)) seen.delete(id);
    await new Promise((resolve) => setTimeout(resolve, followEveryMs));
    rows = await readAgain(target, { ...query, pageSize: 200, since: new Date(Date.now() - overlapMs).toISOString() }, shared);
  }
}

/** A console that restarts is waited for; a refused key is not. */
async function readAgain(target: Connection, query: Record<string, unknown>, shared: Shared): Promise<readonly Refusal[]> {
  try {
    return (await read(target, query)).rows;
  } catch (error) {
    if (!(error instanceof CliError) || !["unreachable", "database-unavailable", "not-the-console"].includes(error.code)) throw error;
    shared.screen.err(`${new Date().toISOString()}  ${plain(error.message)}; trying again\n`);
    await new Promise((resolve) => setTimeout(resolve, 4 * followEveryMs));
    return [];
  }
}

function printOne(row: Refusal, shared: Shared): void {
  if (shared.isJson()) return shared.screen.out(`${JSON.stringify(row)}\n`);
  const texts = columnsFor("refusals", [row]).slice(1).map((column) => plain(column.value(row)));
  shared.screen.out(`${row.at}  ${texts.join("  ")}\n    ${plain(row.detail)}\n`);
}

async function read(target: Connection, query: Record<string, unknown>) {
  return refusalRows.parse(await callApi(target, { method: "GET", path: "/refusals", query }));
}

function limitOf(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > 200) throw usage(`--limit takes a number from 1 to 200, not "${text}".`);
  return limit;
}

const spans: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `15m` or an ISO time, as ISO text. */
export function sinceOf(text: string): string {
  const span = /^(\d{1,5})([smhd])$/.exec(text);
  const at = span ? Date.now() - Number(span[1]) * (spans[span[2] ?? ""] ?? 0) : Date.parse(text);
  if (Number.isNaN(at)) throw usage(`--since takes an ISO time or a span such as 15m, not "${text}".`);
  return new Date(at).toISOString();
}

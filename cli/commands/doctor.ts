/** doctor: what stands between this terminal and the console, each with what to do. */
import type { Command } from "commander";
import { z } from "zod";
import { userMe } from "../../contract/objects.ts";
import { connection, type Connection } from "../config.ts";
import { CliError } from "../errors.ts";
import type { Shared } from "../generic.ts";
import { callApi, reach } from "../http.ts";
import { plain, printJson } from "../output.ts";

type Finding = { check: string; isGood: boolean; detail: string; cure?: string };

const skewMaxMs = 5 * 60_000;

export function addDoctor(program: Command, shared: Shared): void {
  program.command("doctor").description("Check configuration, connection, key, clocks, and what the console warns about; exit code 1 when something is wrong").action(() => run(shared));
}

async function run(shared: Shared): Promise<void> {
  const findings: Finding[] = [];
  const target = await attempt(findings, "configuration", async () => {
    const found = connection();
    return { value: found, detail: `${found.url}, key from ${found.origin}` };
  });
  if (target) await checkConsole(findings, target);
  if (shared.isJson()) printJson(shared.screen, { findings });
  else for (const finding of findings) print(finding, shared);
  const bad = findings.filter((finding) => !finding.isGood).length;
  if (bad > 0) throw new CliError(bad === 1 ? "One thing is wrong." : `${bad} things are wrong.`, { code: "doctor" });
}

async function checkConsole(findings: Finding[], target: Connection): Promise<void> {
  const alive = await attempt(findings, "console answers", async () => {
    const started = performance.now();
    const response = await reach(new URL("/healthz", target.url), {}, 10_000);
    if (!response.ok) throw new CliError(`/healthz answered ${response.status}`);
    return { value: response, detail: `${Math.round(performance.now() - started)} ms` };
  });
  if (!alive) return;
  clocks(findings, alive.headers.get("date"));
  await attempt(findings, "console is ready", async () => {
    const response = await reach(new URL("/readyz", target.url), {}, 10_000);
    const body = z.object({ reason: z.string().optional() }).safeParse(await response.json().catch(() => ({})));
    if (!response.ok) throw new CliError(body.data?.reason ?? `/readyz answered ${response.status}`);
    return { value: true, detail: "database reachable" };
  });
  const me = await attempt(findings, "key", async () => {
    const found = userMe.parse(await callApi(target, { method: "GET", path: "/users/me" }));
    return { value: found, detail: `${found.name}: ${found.role} of ${found.organisation.name}` };
  });
  if (me) await checkOverview(findings, target);
}

const overviewPart = z.object({
  gateways: z.array(z.object({ name: z.string(), state: z.string() })),
  warnings: z.array(z.object({ sentence: z.string(), cure: z.string() })),
});

async function checkOverview(findings: Finding[], target: Connection): Promise<void> {
  const overview = await attempt(findings, "overview", async () => {
    const found = overviewPart.parse(await callApi(target, { method: "GET", path: "/overview" }));
    return { value: found, detail: found.gateways.length === 1 ? "1 gateway" : `${found.gateways.length} gateways` };
  });
  for (const gateway of overview?.gateways ?? []) findings.push({ check: `gateway ${gateway.name}`, isGood: gateway.state === "connected", detail: gateway.state, ...(gateway.state === "connected" ? {} : { cure: `sallyport gateway show "${gateway.name}"` }) });
  for (const warning of overview?.warnings ?? []) findings.push({ check: "warning", isGood: false, detail: warning.sentence, cure: warning.cure });
}

function clocks(findings: Finding[], date: string | null): void {
  if (date === null) return;
  const skewMs = Date.now() - Date.parse(date);
  findings.push({ check: "clock", isGood: Math.abs(skewMs) < skewMaxMs, detail: `${Math.round(skewMs / 1000)} s apart from the console`, ...(Math.abs(skewMs) < skewMaxMs ? {} : { cure: "Correct the clock of this machine or of the console; certificates are judged by it." }) });
}

async function attempt<T>(findings: Finding[], check: string, work: () => Promise<{ value: T; detail: string }>): Promise<T | undefined> {
  try {
    const { value, detail } = await work();
    findings.push({ check, isGood: true, detail });
    return value;
  } catch (error) {
    const [cure] = error instanceof CliError ? error.details : [];
    findings.push({ check, isGood: false, detail: error instanceof Error ? error.message : String(error), ...(cure === undefined ? {} : { cure }) });
    return undefined;
  }
}

function print(finding: Finding, shared: Shared): void {
  shared.screen.out(`${finding.isGood ? "[ok]" : "[!!]"} ${plain(finding.check)}: ${plain(finding.detail)}\n`);
  if (finding.cure) shared.screen.out(`     ${plain(finding.cure)}\n`);
}

/** lint: settings that work today and hurt tomorrow, grouped by object, worst first. Exit code 1 when there is an error (or, with --strict, a warning). */
import { type Command, Option } from "commander";
import type { Finding } from "../../contract/finding.ts";
import { lintReply } from "../../contract/service-objects.ts";
import { connection } from "../config.ts";
import { CliError } from "../errors.ts";
import { nounCommand, type Shared } from "../generic.ts";
import { callApi } from "../http.ts";
import { plain, printJson, type Screen } from "../output.ts";

type Options = { severity: Finding["severity"]; strict?: boolean };

export function addLint(program: Command, shared: Shared): void {
  nounCommand(program, "lint")
    .command("run", { isDefault: true })
    .description("Judge every virtual service, pool, policy and gateway; exit code 1 when something is an error")
    .addOption(new Option("--severity <severity>", "leave out what is less bad").choices(["error", "warning", "note"]).default("note"))
    .option("--strict", "exit code 1 for warnings too")
    .action((options: Options) => run(options, shared));
}

async function run(options: Options, shared: Shared): Promise<void> {
  const reply = lintReply.parse(await callApi(connection(), { method: "GET", path: "/lint", query: { severity: options.severity } }));
  if (shared.isJson()) printJson(shared.screen, reply);
  else printFindings(reply.findings, shared.screen);
  const { error, warning, note } = reply.counts;
  if (!shared.isJson()) shared.screen.out(`${sum(error, "error")}, ${sum(warning, "warning")}, ${sum(note, "note")}\n`);
  if (error > 0 || (options.strict === true && warning > 0)) throw new CliError(error > 0 ? `${sum(error, "setting")} cannot work as ${error === 1 ? "it is" : "they are"}.` : `${sum(warning, "setting")} will hurt sooner or later.`, { code: "lint" });
}

/** One heading per object; the object with the worst finding comes first, as the console sorted them. */
function printFindings(findings: readonly Finding[], screen: Screen): void {
  const groups = Map.groupBy(findings, ({ object }) => `${object.kind} ${object.id ?? object.name}`);
  for (const group of groups.values()) {
    const [first] = group;
    if (!first) continue;
    screen.out(`${kindTexts[first.object.kind]} ${plain(first.object.name)}\n`);
    for (const finding of group) printFinding(finding, screen);
    screen.out("\n");
  }
}

function printFinding(finding: Finding, screen: Screen): void {
  screen.out(`  ${signs[finding.severity]} ${finding.code}${finding.field === null ? "" : ` (${plain(finding.field)})`}\n`);
  screen.out(`       ${plain(finding.sentence)}\n       -> ${plain(finding.cure)}\n`);
}

const signs: Record<Finding["severity"], string> = { error: "[!!]", warning: "[! ]", note: "[  ]" };

const kindTexts: Record<Finding["object"]["kind"], string> = {
  virtualService: "Virtual service", pool: "Pool", gateway: "Gateway", certificate: "Certificate", policy: "Policy", server: "Server", site: "Site", agent: "Agent", relay: "Relay", reachRule: "Reach rule", organisation: "Organisation",
};

function sum(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

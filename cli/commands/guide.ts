/** guide status, check and run: the first run without a browser. */
import type { Command } from "commander";
import type { z } from "zod";
import { guideStep, guideSteps, guideView } from "../../contract/objects.ts";
import { connection, type Connection } from "../config.ts";
import { CliError, usage } from "../errors.ts";
import { nounCommand, type Shared } from "../generic.ts";
import { callApi } from "../http.ts";
import { plain, printJson, type Screen, time } from "../output.ts";

type Step = z.output<typeof guideStep>;

/** What each step is about and which commands serve it. */
const steps: Record<(typeof guideSteps)[number], { title: string; commands: string }> = {
  "direct-tls": { title: "Agents can speak TLS with the management server directly", commands: "sallyport server list" },
  "agent-site": { title: "The agent site answers, with the names agents use", commands: "sallyport organisation update-agent-site --help" },
  gateway: { title: "A gateway is enrolled and connected", commands: "sallyport gateway create NAME --public-names gw.example.com; sallyport gateway package NAME -o gateway.tar.gz" },
  servers: { title: "Servers are assigned and reachable from the gateway", commands: "sallyport server update NAME --gateways GATEWAY" },
  policy: { title: "A policy names the gateway and targets a group", commands: "sallyport agent-group create NAME --kind static; sallyport policy create NAME --gateway GATEWAY --groups GROUP" },
  "first-agent": { title: "A first agent is enrolled from an offline bundle", commands: "sallyport bundle create NAME --groups GROUP -o bundle.tar.gz" },
  verify: { title: "An agent outside the LAN reaches a server through the gateway", commands: "sallyport agent list" },
};

export function addGuide(program: Command, shared: Shared): void {
  const guide = nounCommand(program, "guide").description("The first run, step by step, each step checked for real");
  guide.command("status").alias("view").description("The steps and their state, and what comes next").action(() => status(shared));
  guide.command("check").argument("<step>", guideSteps.join(", ")).description("Check one step now; exit code 1 when it does not hold").action((step: string) => check(step, shared));
  guide.command("run").description("Check the steps in order and stop at the first that does not hold; exit code 1 then").action(() => run(shared));
}

async function status(shared: Shared): Promise<void> {
  const view = guideView.parse(await callApi(connection(), { method: "GET", path: "/guide" }));
  if (shared.isJson()) return printJson(shared.screen, view);
  for (const step of view.steps) shared.screen.out(`${marks[step.state]} ${step.id.padEnd(12)} ${steps[step.id].title}${step.checkedAt ? ` (checked ${time(step.checkedAt)})` : ""}\n`);
  const next = view.steps.find((step) => step.state !== "verified");
  if (!next) return shared.screen.out("\nThe first run is finished.\n");
  explain(shared.screen, next);
  shared.screen.out(`\nNext: ${steps[next.id].commands}\nThen: sallyport guide check ${next.id}\n`);
}

async function check(text: string, shared: Shared): Promise<void> {
  const id = guideSteps.find((step) => step === text);
  if (!id) throw usage(`There is no step "${text}"; the steps are ${guideSteps.join(", ")}.`);
  const step = await checkStep(connection(), id);
  if (shared.isJson()) printJson(shared.screen, step);
  else {
    shared.screen.out(`${marks[step.state]} ${steps[id].title}\n`);
    explain(shared.screen, step);
  }
  if (step.state !== "verified") throw notYet(step);
}

async function run(shared: Shared): Promise<void> {
  const target = connection();
  const done: Step[] = [];
  for (const id of guideSteps) {
    const step = await checkStep(target, id);
    done.push(step);
    if (!shared.isJson()) shared.screen.out(`${marks[step.state]} ${id.padEnd(12)} ${steps[id].title}\n`);
    if (step.state === "verified") continue;
    if (shared.isJson()) printJson(shared.screen, { steps: done });
    else explain(shared.screen, step);
    throw notYet(step);
  }
  if (shared.isJson()) printJson(shared.screen, { steps: done });
  else shared.screen.out("\nThe first run is finished.\n");
}

async function checkStep(target: Connection, id: Step["id"]): Promise<Step> {
  return guideStep.parse(await callApi(target, { method: "POST", path: `/guide/${id}/check`, body: {} }));
}

const marks: Record<Step["state"], string> = { verified: "[ok]", failed: "[!!]", open: "[  ]", blocked: "[--]" };

function explain(screen: Screen, step: Step): void {
  for (const fact of step.facts) screen.out(`     ${fact.isGood ? "ok" : "!!"}  ${plain(fact.label)}: ${plain(fact.value)}\n`);
  if (step.problem) screen.out(`     ${plain(step.problem)}\n`);
  if (step.cure) screen.out(`     ${plain(step.cure)}\n`);
}

function notYet(step: Step): CliError {
  return new CliError(`The step ${step.id} does not hold yet.`, { code: "step-not-verified", details: [step.cure ?? `Try: ${steps[step.id].commands}`] });
}

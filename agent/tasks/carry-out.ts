/** Carries out one order. Each kind is a few lines here, or a file of its own. */
import { findWays } from "../commands/diagnose.ts";
import type { TaskOrder, TaskResult } from "../../contract/command.ts";
import { loadEnrolled } from "../enrolled.ts";
import { collectLogs } from "./collect-logs.ts";
import { rotateCertificate } from "./rotate.ts";
import { runScript } from "./script.ts";
import { type TaskContext, type TaskEnd, TaskFailed, type TaskRestart } from "./task.ts";
import { upgrade } from "./upgrade.ts";

/** Throws TaskFailed with a sentence; anything else that is thrown is a fault of ours and fails the task too. */
export async function carryOut(order: TaskOrder, context: TaskContext): Promise<TaskEnd | TaskRestart> {
  const { work } = context;
  switch (order.kind) {
    case "collect-inventory":
      await work.sendInventory();
      return { state: "done", message: "The inventory was sent." };
    case "refresh-policy":
      await work.refreshPolicy();
      return { state: "done", message: `The agent has policy revision ${work.policy().revision}.` };
    case "collect-logs":
      return collectLogs(order.lines, context);
    case "diagnose":
      return diagnose(context);
    case "rotate-certificate":
      return { state: "done", message: `The agent has a new certificate, valid until ${await rotateCertificate(work)}.` };
    case "upgrade":
      return upgrade(context);
    case "restart":
      if (!work.config.isSupervised) throw new TaskFailed("No service manager started this agent, so nothing would start it again. Run it as a service, or set SALLYPORT_SUPERVISED=1 where something else restarts it.");
      return { state: "done", message: "The agent restarts." };
    case "run-script":
      return runScript(order, context);
  }
}

async function diagnose(context: TaskContext): Promise<TaskEnd> {
  const found = await findWays(loadEnrolled(context.work.config), (done, total) => context.progress((100 * done) / total, `${done} of ${total} ways walked.`));
  const findings: TaskResult["findings"] = found.map((finding) => ({
    subject: `${finding.way} -> ${finding.target}`.slice(0, 120),
    step: finding.failedAfter ?? finding.steps.at(-1)?.step ?? null,
    isGood: finding.isWorking && finding.code === null,
    detail: [finding.code === null ? finding.detail : `${finding.code}: ${finding.detail}`, finding.cure ?? ""].join(" ").trim().slice(0, 500),
  }));
  const working = found.filter((finding) => finding.isWorking).length;
  return { state: "done", message: `${working} of ${found.length} ways to the management server work.`, findings };
}

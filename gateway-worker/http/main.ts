/**
 * Entry of the HTTP engine process, on Node only (HTTP/2 of the other runtime loses streams). Speaks to its supervisor over IPC with the
 * same messages as a stream engine; it has no access table. When the supervisor is gone, so is the engine.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { EngineCommand, EngineMessage } from "../engine-messages.ts";
import { HttpEngine } from "./engine.ts";

const reportEveryMs = 1_000;
/** A refusal waits at most this long when nothing was reported lately, so the console shows it well within 2 s. */
const refusalSoonMs = 100;

const delay = monitorEventLoopDelay({ resolution: 20 });
/** Reports under way. The next waits until the supervisor took the last: a stopped supervisor costs no memory (T38). */
let isReportOpen = false;
let isSoon = false;

const engine = new HttpEngine({ refusalWaits: reportSoon });

function send(message: EngineMessage): void {
  if (!process.connected) return;
  process.send?.(message, undefined, {}, () => {
    // A broken channel is noticed as "disconnect".
  });
}

function report(): void {
  if (isReportOpen) return;
  isReportOpen = true;
  const loopDelayMaxMs = Number.isFinite(delay.max) ? delay.max / 1e6 : 0;
  delay.reset();
  send(engine.takeReport(loopDelayMaxMs));
}

function reportSoon(): void {
  if (isSoon) return;
  isSoon = true;
  setTimeout(() => {
    isSoon = false;
    report();
  }, refusalSoonMs);
}

async function obey(command: EngineCommand): Promise<void> {
  switch (command.kind) {
    case "prepare":
      return send({ kind: "prepared", id: command.id, problems: await engine.prepare(command.id, command.snapshot, command.httpSocket) });
    case "commit":
      return send({ kind: "committed", id: command.id, revision: engine.commit(command.prepared) });
    case "abort":
      return engine.abort(command.id);
    case "access":
      return send({ kind: "access-applied", id: command.id, tunnelsEnded: 0 });
    case "members":
      return engine.setVerdicts(command.verdicts, command.actives, command.isFull);
    case "sticky":
      return engine.learn(command.entries);
    case "cut-member":
      return engine.cutMember(command.memberId);
    case "channel-elsewhere":
    case "knock":
      return; // channels are the stream engines'
    case "drain":
      return send({ kind: "drained", id: command.id, tunnelsCut: await engine.drain(command.timeoutMs) });
    case "seen":
      isReportOpen = false;
      return;
    case "report":
      return report();
    default:
      command satisfies never;
  }
}

process.on("message", (command: EngineCommand) => {
  obey(command).catch((cause: unknown) => {
    // A command that throws is a bug of ours: die and be restarted with what was in force, rather than serve something half done.
    process.stderr.write(`${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}\n`);
    process.exit(70);
  });
});
process.on("disconnect", () => process.exit(0));
// Ctrl-C reaches the whole process group; the supervisor decides when its engines end.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});

delay.enable();
setInterval(report, reportEveryMs);
send({ kind: "hello", pid: process.pid, runtime: process.versions["bun"] === undefined ? `Node ${process.versions.node}` : `Bun ${process.versions["bun"]}` });

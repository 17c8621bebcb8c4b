/**
 * Entry of a stream engine process. Plain `node:*` code: runs on Bun and on Node. Speaks to its supervisor over IPC only;
 * arguments: engine index, number of engines. When the supervisor is gone, so is the engine: an unfed engine must not go on serving.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { ChannelReport } from "../../contract/channel.ts";
import type { EngineCommand, EngineMessage } from "../engine-messages.ts";
import { Engine } from "./engine.ts";

const reportEveryMs = 1_000;
/** A refusal waits at most this long when nothing was reported lately, so the console shows it well within 2 s. */
const refusalSoonMs = 100;
/** More messages are not queued for a supervisor that does not read them: what they say goes with a report. */
const unsentMax = 256;

const engines = Math.max(1, Number(process.argv[3] ?? 1));
const delay = monitorEventLoopDelay({ resolution: 20 });
/** Reports under way. The next waits until the supervisor took the last: a stopped supervisor costs no memory (T38). */
let isReportOpen = false;
let isSoon = false;

/** Messages that the channel has not taken yet. */
let unsent = 0;

const engine = new Engine({ engines, refusalWaits: reportSoon, channelMoved });

function send(message: EngineMessage): void {
  if (!process.connected) return;
  unsent += 1;
  process.send?.(message, undefined, {}, () => {
    // A broken channel is noticed as "disconnect".
    unsent -= 1;
  });
}

/** An agent's channel opened or closed: said at once, unless the supervisor does not keep up (T38, T39). */
function channelMoved(channel: ChannelReport): boolean {
  if (unsent >= unsentMax) return false;
  send({ kind: "channel", channel });
  return true;
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
      return send({ kind: "prepared", id: command.id, problems: await engine.prepare(command.id, command) });
    case "commit":
      return send({ kind: "committed", id: command.id, revision: engine.commit(command.prepared) });
    case "abort":
      return engine.abort(command.id);
    case "access":
      return send({ kind: "access-applied", id: command.id, tunnelsEnded: engine.takeAccess(command.page, command.isFull) });
    case "members":
      return engine.services.setMembers(command);
    case "sticky":
      return engine.services.pools.learn(command.entries);
    case "cut-member":
      return engine.services.cutMember(command.memberId);
    case "knock":
      return engine.channels.knock(command.agentIds);
    case "channel-elsewhere":
      return engine.channels.openedElsewhere(command);
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

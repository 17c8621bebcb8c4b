/**
 * A child process that cannot outlive us: a few lines of shell stand between, reading a pipe that we hold. When the pipe closes (we asked for a stop, or we
 * were killed), the shell sends the stop signal to the child. The child runs in its own session, so Ctrl-C reaches only us and we choose the order of stopping.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";

// stdin (fd 0) is our pipe; fd 3 carries the child's process id to us once, then its exit code is ours.
const guard = `
exec 4<&0
signal=$1; shift
"$@" </dev/null 3>&- 4<&- &
child=$!
echo "$child" >&3; exec 3>&-
trap '' INT HUP TERM
( cat <&4 >/dev/null 2>&1; kill -0 $$ 2>/dev/null && kill -"$signal" "$child" 2>/dev/null ) >/dev/null 2>&1 &
exec 4<&-
wait "$child"
`;

/**
 * Starts a command whose output goes to `logFile` (appended). `stop` sends the stop signal and, after `killAfterMs`, SIGKILL; it resolves when the child has gone.
 * `started` resolves with the child's process id; `exited` resolves, never rejects, with `{ code, signal }`.
 * @param {string} command
 * @param {string[]} args
 * @param {{ logFile: string, stopSignal?: string, env?: Record<string, string | undefined>, cwd?: string, uid?: number, gid?: number }} options
 */
export function spawnGuarded(command, args, options) {
  const log = fs.openSync(options.logFile, "a", 0o600);
  const { env, cwd, uid, gid } = options;
  const identity = uid === undefined ? {} : { uid, gid };
  const shell = spawn("/bin/sh", ["-c", guard, "guard", options.stopSignal ?? "TERM", command, ...args], {
    ...identity, env: env ?? process.env, cwd, detached: true, stdio: ["pipe", log, log, "pipe"],
  });
  fs.closeSync(log);
  shell.stdin.on("error", () => {}); // the guard ended first; its exit says so
  let pid;
  shell.stdio[3].on("error", () => {}); // the guard ended first
  const started = new Promise((resolve) => {
    shell.stdio[3].once("data", (text) => resolve((pid = Number(String(text).trim()))));
  });
  const exited = new Promise((resolve) => {
    shell.once("error", (error) => resolve({ code: 127, signal: null, error }));
    shell.once("exit", (code, signal) => {
      // The guard itself was killed: nobody watches the child any more, so it goes too, and whoever supervises us starts both anew.
      if (signal !== null && pid) void endOrphan(pid, `SIG${options.stopSignal ?? "TERM"}`).then(() => resolve({ code, signal }));
      else resolve({ code, signal });
    });
  });
  void exited.then(() => shell.stdin.destroy());
  return { started, exited, stop: (killAfterMs = 15_000) => stop({ shell, exited, killAfterMs, childPid: () => pid }) };
}

async function stop({ shell, exited, killAfterMs, childPid }) {
  shell.stdin.end();
  const timer = setTimeout(() => {
    const pid = childPid();
    if (pid && shell.exitCode === null) killQuietly(pid, "SIGKILL");
  }, killAfterMs);
  const result = await exited;
  clearTimeout(timer);
  return result;
}

async function endOrphan(pid, signal) {
  for (let waitedMs = 0; killQuietly(pid, waitedMs === 0 ? signal : waitedMs < 10_000 ? 0 : "SIGKILL"); waitedMs += 100) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Sends a signal (0 only asks); false when the process is gone. */
function killQuietly(pid, signal) {
  try {
    return process.kill(pid, signal);
  } catch {
    return false; // it has just ended by itself
  }
}

/** `sallyport ssh-proxy HOST PORT`: what ssh runs as its ProxyCommand. Standard output carries the session's bytes and nothing else; a failure is one sentence and exit code 255, ssh's own. */
import type { Command } from "commander";
import { connection } from "../config.ts";
import { CliError } from "../errors.ts";
import type { Shared } from "../generic.ts";
import { readPort } from "../port.ts";
import { carry, openReachSession } from "../reach-session.ts";

export function addSshProxy(program: Command, _shared: Shared): void {
  program
    .command("ssh-proxy")
    .argument("<host>", "HOSTNAME, HOSTNAME.SITE.agents or AGENT-ID.agents (%h)")
    .argument("<port>", "port of the service on the agent (%p)")
    .description("Carry one session to a service of an agent on standard input and output, for ssh's ProxyCommand")
    .addHelpText("after", sshHelp)
    .action(async (agent: string, port: string) => {
      try {
        await proxy(agent, port);
      } catch (error) {
        throw asSshExpects(error);
      }
    });
}

const sshHelp = `
ssh -o ProxyCommand="sallyport ssh-proxy %h %p" user@laptop-7.field.agents

Or for all agents, in ~/.ssh/config:
  Host *.agents
    ProxyCommand sallyport ssh-proxy %h %p

Exit code 255 and one sentence on the error stream when the agent cannot be reached.`;

async function proxy(agent: string, port: string): Promise<void> {
  const { socket } = await openReachSession(connection(), { agent, port: readPort(port) });
  // The service has said its last: ssh is to see the end, whatever it still has to say.
  socket.once("end", () => socket.end());
  const ending = await carry(socket, { input: process.stdin, output: process.stdout });
  // Still open when the agent's side ended first; it would keep the program waiting for a key.
  process.stdin.destroy();
  if (ending === "cut") throw new CliError("The session was cut off before it was finished.", { code: "session-cut" });
}

/** One line, with the code: ssh shows it as it is. */
function asSshExpects(error: unknown): CliError {
  const known = error instanceof CliError ? error : new CliError(error instanceof Error ? error.message : String(error), { code: "internal", cause: error });
  return new CliError(`${known.message} (${known.code})`, { exitCode: 255, code: known.code, cause: error });
}

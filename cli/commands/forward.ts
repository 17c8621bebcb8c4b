/** `sallyport forward AGENT PORT`: a local port whose connections each become one session to a service of an agent. */
import net from "node:net";
import type { Command } from "commander";
import { connection, type Connection } from "../config.ts";
import { CliError } from "../errors.ts";
import type { Shared } from "../generic.ts";
import { plain, printJson } from "../output.ts";
import { readPort } from "../port.ts";
import { carry, openReachSession } from "../reach-session.ts";

/** Local connections at once; more are refused by closing them. */
const connectionsMax = 256;

type Options = { local?: string; bind: string };

export function addForward(program: Command, shared: Shared): void {
  program
    .command("forward")
    .argument("<agent>", "HOSTNAME, HOSTNAME.SITE.agents or AGENT-ID.agents")
    .argument("<port>", "port of the service on the agent")
    .description("Listen here and carry each connection to a service of an agent, until interrupted")
    .option("--local <port>", "local port; 0 takes a free one (default: the service's port, or a free one when that is below 1024)")
    .option("--bind <address>", "local address to listen on", "127.0.0.1")
    .action(async (agent: string, port: string, options: Options) => await forward({ agent, port: readPort(port) }, options, shared));
}

async function forward(wanted: { agent: string; port: number }, options: Options, shared: Shared): Promise<void> {
  const target = connection();
  const local = options.local === undefined ? (wanted.port < 1_024 ? 0 : wanted.port) : readPort(options.local, true);
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (client) => void serve(client, target, wanted, shared));
  server.maxConnections = connectionsMax;
  const { address, port } = await listen(server, { host: options.bind, port: local });
  announce({ ...wanted, address, localPort: port }, shared);
  await new Promise((resolve) => server.once("close", resolve));
}

function listen(server: net.Server, where: { host: string; port: number }): Promise<net.AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => reject(new CliError(`Cannot listen on ${where.host}:${where.port}: ${cause.message}; choose another port with --local, 0 for any.`, { code: "local-port", cause })));
    server.listen({ ...where, exclusive: true }, () => {
      const bound = server.address();
      if (bound === null || typeof bound === "string") reject(new CliError("The local listener has no port.", { code: "local-port" }));
      else resolve(bound);
    });
  });
}

function announce(made: { agent: string; port: number; address: string; localPort: number }, { screen, isJson }: Shared): void {
  const isLoopback = made.address === "::1" || made.address.startsWith("127.");
  if (!isLoopback) screen.err(`sallyport: everybody who can reach ${made.address}:${made.localPort} uses your rights on ${plain(made.agent)}\n`);
  if (isJson()) return printJson(screen, { address: made.address, localPort: made.localPort, agent: made.agent, port: made.port });
  const host = made.address.includes(":") ? `[${made.address}]` : made.address;
  screen.out(`Listening on ${host}:${made.localPort}, for port ${made.port} of ${plain(made.agent)}. Stop with Ctrl+C.\n`);
}

/** One local connection: a refusal closes it with a reset and is said on the error stream. */
async function serve(client: net.Socket, target: Connection, wanted: { agent: string; port: number }, { screen }: Shared): Promise<void> {
  client.on("error", () => client.destroy());
  try {
    const { socket } = await openReachSession(target, wanted);
    client.once("close", () => socket.destroy());
    const ending = await carry(socket, { input: client, output: client });
    if (ending === "cut") client.resetAndDestroy();
  } catch (error) {
    client.resetAndDestroy();
    const known = error instanceof CliError ? error : new CliError(error instanceof Error ? error.message : String(error), { code: "internal" });
    screen.err(`sallyport: ${plain(known.message)} (${known.code})\n`);
  }
}

/** Start and stop of the control channel: listener, fan-out to connected gateways, wake-ups. */
import { type Db, db } from "../db.ts";
import { env } from "../env.ts";
import { log } from "../log.ts";
import { readiness } from "../readiness.ts";
import { ChannelServer } from "./channel-server.ts";
import { FanOut } from "./fan-out.ts";
import { HintListener } from "./hint.ts";

export type Control = {
  readonly port: number;
  /** Number of gateways whose channel is open here. */
  connected(): number;
  /** Takes no gateway any more and ends the channels; gateways serve on and come back. Safe to call twice. */
  close(): Promise<void>;
};

/** Starts the control channel on the address of the environment, or on the one given. Throws when it cannot bind, naming address and cure. */
export async function startControl(options: { host?: string; port?: number; db?: Db; databaseUrl?: string } = {}): Promise<Control> {
  const database = options.db ?? db();
  const host = options.host ?? env().SALLYPORT_CONTROL_HOST;
  const port = options.port ?? env().SALLYPORT_CONTROL_PORT;
  const fanOut = new FanOut(database);
  const server = new ChannelServer({ db: database, fanOut, host, port, readiness: async () => await readiness(database) });
  await server.start();
  const hints = new HintListener(options.databaseUrl ?? env().DATABASE_URL, (hint) => fanOut.onHint(hint));
  hints.start();
  fanOut.start();
  const bound = server.port;
  log.info({ host, port: bound }, "control: listening");
  let closing: Promise<void> | undefined;
  return {
    port: bound,
    connected: () => fanOut.size,
    close: () => {
      fanOut.stop();
      closing ??= Promise.all([server.close(), hints.stop()]).then(() => undefined);
      return closing;
    },
  };
}

/** `sallyport-agent proxy`: the local CONNECT proxy in the foreground. */
import type { AgentConfig } from "../config.ts";
import { loadEnrolled } from "../enrolled.ts";
import { startLocalProxy } from "../local-proxy.ts";
import { AgentLog } from "../log.ts";
import { PathKeeper } from "../path/keeper.ts";

export async function runProxy(config: AgentConfig, port: number): Promise<number> {
  const { trust, policy } = loadEnrolled(config);
  const log = new AgentLog(null, { echo: true });
  const keeper = new PathKeeper({ policy, trust: () => trust, log, instance: null, isProofNeeded: true });
  keeper.start();
  const proxy = await startLocalProxy({ port, policy, trust: () => trust, route: () => keeper.route, log });
  process.stdout.write(`Local proxy on http://127.0.0.1:${proxy.port}; for example: curl --proxy http://127.0.0.1:${proxy.port} https://SERVER/\n`);
  await new Promise<void>((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });
  await proxy.close();
  keeper.close();
  return 0;
}

/**
 * `npm run bench`: installs what is missing and measures. What follows `--` goes to the benchmark:
 *   npm run bench                       the data plane against nginx and HAProxy (bench/main.ts)
 *   npm run bench -- tunnel --scale=0.1 part of it, smaller
 *   npm run bench -- services           virtual services, mode by mode (bench/services.ts)
 *   npm run bench -- channel            agent channels and reverse streams beside ssh -R (bench/channel.ts)
 *   npm run bench -- control            how fast a change reaches 20 gateways (bench/control-propagation.ts)
 */
import { requireNode } from "./launcher/node-version.mjs";

requireNode();
const { spawn } = await import("node:child_process");
const { default: path } = await import("node:path");
const { generateClient } = await import("./db.mjs");
const { installDependencies, packagedNode, root } = await import("./launcher/dependencies.mjs");
const { sayFailure } = await import("./launcher/report.mjs");
try {
  await installDependencies();
  generateClient();
  const [first, ...rest] = process.argv.slice(2);
  const own = { control: "control-propagation.ts", services: "services.ts", channel: "channel.ts" }[first];
  const script = path.join(root, "bench", own ?? "main.ts");
  const child = spawn(packagedNode(), [script, ...(own ? rest : process.argv.slice(2))], { cwd: root, stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  child.once("exit", (code) => (process.exitCode = code ?? 1));
} catch (error) {
  sayFailure(error);
  process.exitCode = 1;
}

/** A relay as a process of its own, on either runtime, with its settings in a folder that goes away. */
import { type ChildProcessByStdio, execFile, spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import type { Readable } from "node:stream";
import type { z } from "zod";
import { relaySettings } from "../../../contract/relay.ts";
import { loadOrMakeIdentity } from "../../../gateway-worker/relay/identity.ts";
import type { RelayView } from "../../../gateway-worker/relay/relay.ts";
import { freePort, until } from "../../support/sockets.ts";

const root = path.resolve(import.meta.dirname, "..", "..", "..");
const { resolve } = createRequire(import.meta.url);
export const runtimePaths = { node: process.execPath, bun: resolve("@oven/bun-linux-x64/bin/bun") };
export type RuntimeName = keyof typeof runtimePaths;

export type Settings = z.input<typeof relaySettings>;

/** Settings of a relay whose organisation is `ca`'s; `upstreams` empty: the upstream dials in. */
export function settingsOf(given: Partial<Settings> & { caPem: string }): Settings {
  return { format: 1, name: "Cellar", relayKey: randomBytes(24).toString("base64url"), organisationId: randomUUID(), organisationName: "Acme", trustDomain: "sallyport.internal", listen: { address: "127.0.0.1" }, upstreams: [], ...given };
}

export type RelayOptions = {
  runtime?: RuntimeName;
  /** A folder with the settings and perhaps the key of another node. */
  folder?: string;
  /** What runs instead of the source, such as the bundled file. */
  program?: string;
  /** Network namespace. */
  namespace?: string;
};

/** Makes the key in the folder where there is none yet, as the relay does; resolves to the fingerprint. */
export async function fingerprintIn(folder: string, name: string): Promise<string> {
  return (await loadOrMakeIdentity(path.join(folder, "key"), name)).fingerprint;
}

type Running = ChildProcessByStdio<null, Readable, Readable>;

export class RelayProcess {
  readonly folder: string;
  readonly settings: z.output<typeof relaySettings>;
  readonly #options: RelayOptions;
  process: Running;
  exited: Promise<number | null>;
  output = "";

  /** `port` 0: one is taken. */
  static async start(settings: Settings, options: RelayOptions = {}): Promise<RelayProcess> {
    const listen = { ...settings.listen, port: settings.listen.port ?? (await freePort()) };
    return new RelayProcess(relaySettings.parse({ ...settings, listen }), options);
  }

  private constructor(settings: RelayProcess["settings"], options: RelayOptions) {
    this.folder = options.folder ?? fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-relay-"));
    this.settings = settings;
    this.#options = options;
    fs.writeFileSync(path.join(this.folder, "relay.json"), JSON.stringify(settings));
    [this.process, this.exited] = this.#spawn();
  }

  get port(): number {
    return this.settings.listen.port;
  }

  /** The certificate's fingerprint, from its key file. */
  async fingerprint(): Promise<string> {
    return await fingerprintIn(this.folder, this.settings.name);
  }

  /** Runs another of its commands to the end. */
  async command(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
    const [file, list, options] = this.#command(...args);
    return await new Promise((settle) => {
      execFile(file, list, options, (error, stdout, stderr) => settle({ status: error ? Number(error.code ?? 1) : 0, stdout, stderr }));
    });
  }

  /** What /status says; undefined while it does not answer. */
  async view(): Promise<RelayView | undefined> {
    const { metricsPort } = this;
    if (metricsPort === undefined) return undefined;
    return await fetch(`http://127.0.0.1:${metricsPort}/status`).then(async (response) => (await response.json()) as RelayView, () => undefined);
  }

  get metricsPort(): number | undefined {
    const found = Array.from(this.output.matchAll(/"metricsPort":(\d+)/g)).at(-1)?.[1];
    return found === undefined ? undefined : Number(found);
  }

  /** Waits until it listens. */
  async listening(): Promise<this> {
    await this.logged(/listens on/);
    return this;
  }

  /** Waits until an upstream takes its connections. */
  async serving(timeoutMs = 25_000): Promise<this> {
    return await this.logged(/takes this relay's connections/, timeoutMs);
  }

  async logged(pattern: RegExp, timeoutMs = 25_000): Promise<this> {
    await until(() => pattern.test(this.output) || this.process.exitCode !== null, `the relay logs ${String(pattern)}`, timeoutMs).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.output.slice(-4_000)}`);
    });
    if (!pattern.test(this.output)) throw new Error(`the relay ended: ${this.output}`);
    return this;
  }

  /** Starts it again with the same settings and key, as systemd does. */
  restart(): void {
    this.output = "";
    [this.process, this.exited] = this.#spawn();
  }

  async kill(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill("SIGKILL");
    await this.exited;
  }

  async stop(): Promise<number | null> {
    this.process.kill("SIGTERM");
    return await this.exited;
  }

  async close(): Promise<void> {
    await this.kill();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  #command(...args: string[]): [string, string[], { env: NodeJS.ProcessEnv }] {
    const program = this.#options.program ?? path.join(root, "gateway-worker", "relay", "main.ts");
    const runtime = runtimePaths[this.#options.runtime ?? "node"];
    const quiet = (this.#options.runtime ?? "node") === "node" ? ["--no-warnings"] : [];
    const env = { PATH: process.env["PATH"] ?? "", NODE_ENV: "test" as const, SALLYPORT_RELAY_SETTINGS: path.join(this.folder, "relay.json"), SALLYPORT_RELAY_DIR: path.join(this.folder, "key"), SALLYPORT_RELAY_METRICS_PORT: String(args[0] === "run" ? 0 : (this.metricsPort ?? 0)), SALLYPORT_LOG_LEVEL: "debug" };
    const { namespace } = this.#options;
    return namespace === undefined ? [runtime, [...quiet, program, ...args], { env }] : ["ip", ["netns", "exec", namespace, runtime, ...quiet, program, ...args], { env }];
  }

  #spawn(): [Running, Promise<number | null>] {
    const [file, args, options] = this.#command("run");
    const child = spawn(file, args, { ...options, stdio: ["ignore", "pipe", "pipe"] as const });
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (this.output += text));
    return [child, new Promise((settle) => child.once("exit", (code) => settle(code)))];
  }
}

/** The gateway's settings from its environment, parsed once and frozen; all problems are reported together. The only reader of process.env in the worker. */
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { GatewayError } from "./errors.ts";
import { installedBunPath } from "./supervisor/engines.ts";

const portText = z.coerce.number().int().min(0).max(65535);
const optionalPath = z.string().min(1).optional();

const schema = z.object({
  /** State directory, made 0700: identity, last good snapshot, access table, listener keys, spool. */
  SALLYPORT_GATEWAY_DIR: z.string().min(1).default(".sallyport/gateway"),
  /** File with the one-time enrolment token; read when there is no identity yet, removed once it is spent. */
  SALLYPORT_ENROLMENT_TOKEN_FILE: optionalPath,
  /** Loopback port of /healthz, /readyz and /metrics; 0 takes a free one, which run.json in the state directory names. */
  SALLYPORT_METRICS_PORT: portText.default(9464),
  SALLYPORT_METRICS_HOST: z.string().min(1).default("127.0.0.1"),
  /** Runtime of the stream engines; default: bun where its binary is present, else node. */
  SALLYPORT_RUNTIME: z.enum(["bun", "node"]).optional(),
  SALLYPORT_BUN_PATH: optionalPath,
  SALLYPORT_ENGINE_PATH: optionalPath,
  SALLYPORT_HTTP_ENGINE_PATH: optionalPath,
  /** Stream engines; default: one per core. */
  SALLYPORT_ENGINES: z.coerce.number().int().min(1).max(256).optional(),
  SALLYPORT_LOG_LEVEL: z.enum(["debug", "info", "warn", "error"]).default("info"),
  /** 1: started by the launcher; the gateway stops when its parent is gone. */
  SALLYPORT_LAUNCHER: z.enum(["0", "1"]).default("0"),
});

export type GatewayConfig = {
  readonly stateDir: string;
  readonly tokenFile: string | undefined;
  readonly metricsHost: string;
  readonly metricsPort: number;
  readonly runtime: "bun" | "node";
  readonly bunPath: string | undefined;
  readonly enginePath: string | undefined;
  readonly httpEnginePath: string | undefined;
  readonly engines: number;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  readonly stopsWithParent: boolean;
};

/** Reads the settings. Throws one GatewayError that names every variable that does not fit. */
export function readConfig(source: Record<string, string | undefined> = process.env): GatewayConfig {
  const present = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== undefined && value !== ""));
  const parsed = schema.safeParse(present);
  if (!parsed.success) {
    throw new GatewayError("config", `The environment does not fit:\n${parsed.error.issues.map((issue) => `  ${issue.path.join(".")}: ${issue.message}`).join("\n")}`);
  }
  const env = parsed.data;
  const bunPath = env.SALLYPORT_BUN_PATH ?? installedBunPath();
  return Object.freeze({
    stateDir: path.resolve(env.SALLYPORT_GATEWAY_DIR),
    tokenFile: env.SALLYPORT_ENROLMENT_TOKEN_FILE,
    metricsHost: env.SALLYPORT_METRICS_HOST,
    metricsPort: env.SALLYPORT_METRICS_PORT,
    runtime: env.SALLYPORT_RUNTIME ?? (bunPath ? "bun" : "node"),
    bunPath,
    enginePath: env.SALLYPORT_ENGINE_PATH ?? bundledEngine("stream-engine.mjs"),
    httpEnginePath: env.SALLYPORT_HTTP_ENGINE_PATH ?? bundledEngine("http-engine.mjs"),
    engines: env.SALLYPORT_ENGINES ?? availableParallelism(),
    logLevel: env.SALLYPORT_LOG_LEVEL,
    stopsWithParent: env.SALLYPORT_LAUNCHER === "1",
  });
}

/** In a gateway package everything is one bundled file and the engines lie beside it; from source the engine group knows their entries. */
function bundledEngine(fileName: string): string | undefined {
  const beside = fileURLToPath(new URL(`./${fileName}`, import.meta.url));
  return existsSync(beside) ? beside : undefined;
}

/** What `run`, `status` and the other commands know of this build. */
export const gatewayVersion = "0.1.0";

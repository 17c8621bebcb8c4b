/** The relay's environment, parsed once; beside the settings file (contract/relay.ts) it says only where things are on this machine. With ../config.ts the only reader of process.env in the worker. */
import path from "node:path";
import { z } from "zod";
import { RelayError } from "./errors.ts";

const schema = z.object({
  /** The settings file, `relay.json` of the relay's package. */
  SALLYPORT_RELAY_SETTINGS: z.string().min(1).default("relay.json"),
  /** Directory of the relay's key file; made 0700 when it is missing. */
  SALLYPORT_RELAY_DIR: z.string().min(1).default(".sallyport/relay"),
  /** Loopback port of /healthz, /readyz, /status and /metrics; 0 takes a free one, which the log names. */
  SALLYPORT_RELAY_METRICS_PORT: z.coerce.number().int().min(0).max(65_535).default(9_465),
  SALLYPORT_RELAY_METRICS_HOST: z.string().min(1).default("127.0.0.1"),
  SALLYPORT_LOG_LEVEL: z.enum(["debug", "info", "warn", "error"]).default("info"),
});

export type RelayConfig = Readonly<{
  settingsFile: string;
  keyDir: string;
  metricsHost: string;
  metricsPort: number;
  logLevel: "debug" | "info" | "warn" | "error";
}>;

/** Reads the environment. Throws one RelayError that names every variable that does not fit. */
export function readRelayConfig(source: Record<string, string | undefined> = process.env): RelayConfig {
  const present = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== undefined && value !== ""));
  const parsed = schema.safeParse(present);
  if (!parsed.success) throw new RelayError("config", `The environment does not fit:\n${parsed.error.issues.map((issue) => `  ${issue.path.join(".")}: ${issue.message}`).join("\n")}`);
  const env = parsed.data;
  return Object.freeze({
    settingsFile: path.resolve(env.SALLYPORT_RELAY_SETTINGS),
    keyDir: path.resolve(env.SALLYPORT_RELAY_DIR),
    metricsHost: env.SALLYPORT_RELAY_METRICS_HOST,
    metricsPort: env.SALLYPORT_RELAY_METRICS_PORT,
    logLevel: env.SALLYPORT_LOG_LEVEL,
  });
}

/** The console's environment, parsed once and frozen; the only reader of process.env in the console. All problems are reported together. */
import { z } from "zod";
import { cidr, ipAddress } from "../contract/names.ts";
import { emailAddress, password } from "../contract/objects.ts";

const portText = z.coerce.number().int().min(1).max(65535);
const flag = z.enum(["0", "1"]).default("0").transform((text) => text === "1");

const schema = z.object({
  DATABASE_URL: z.string().regex(/^postgres(ql)?:\/\//, { error: "expected postgresql://user:password@host:port/database" }),
  SALLYPORT_DATA: z.string().min(1).default(".sallyport"),
  /** 32 bytes, base64: the master key that seals private keys. Without it the file master.key (0600) in the data directory is used, and made when absent. */
  SALLYPORT_MASTER_KEY: z.string().optional(),
  /** Kind of key of the organisation's CA; used when it is made, at the first start. */
  SALLYPORT_CA_KEY_TYPE: z.enum(["ec-p256", "ec-p384", "rsa-2048", "rsa-3072", "rsa-4096"]).default("ec-p256"),
  SALLYPORT_CONSOLE_HOST: z.string().default("127.0.0.1"),
  SALLYPORT_CONSOLE_PORT: portText.default(3000),
  /** The one address people open; cookies, Origin checks and links are made for it. */
  SALLYPORT_CONSOLE_URL: z.url().optional(),
  /** Reverse proxies in front of the console: addresses or subnets, comma-separated. Only these are believed when they name the client in X-Forwarded-For. */
  SALLYPORT_TRUSTED_PROXIES: z.string().default("").transform((text) => text.split(",").map((part) => part.trim()).filter((part) => part !== "")).pipe(z.array(z.union([ipAddress, cidr], { error: "expected addresses or subnets such as 10.0.0.5,10.1.0.0/16" })).max(100)),
  SALLYPORT_AGENT_SITE_HOST: z.string().default("::"),
  SALLYPORT_AGENT_SITE_PORT: portText.default(4726),
  SALLYPORT_CONTROL_HOST: z.string().default("::"),
  SALLYPORT_CONTROL_PORT: portText.default(4730),
  /** Name under which gateways find the control channel; goes into their tokens. */
  SALLYPORT_CONTROL_NAME: z.string().default("localhost"),
  SALLYPORT_TUNNEL_PORT: portText.default(4433),
  SALLYPORT_LOCAL_GATEWAY: flag,
  SALLYPORT_ADMIN_EMAIL: emailAddress.optional(),
  SALLYPORT_ADMIN_PASSWORD: password.optional(),
  /** Set by `npm start`: the console stops when the process that started it has gone (its channel or standard input closes). */
  SALLYPORT_LAUNCHER: flag,
  SALLYPORT_LOG_LEVEL: z.enum(["debug", "info", "warn", "error"]).default("info"),
  NODE_ENV: z.enum(["development", "production", "test"]).default("production"),
});

export type Env = Readonly<z.infer<typeof schema>> & { readonly consoleUrl: string };

/** Parses an environment. Throws one Error whose message names every variable that does not fit, without repeating secrets. */
export function parseEnv(source: Record<string, string | undefined>): Env {
  const present = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== undefined && value !== ""));
  const parsed = schema.safeParse(present);
  if (!parsed.success) {
    throw new Error(`The environment does not fit:\n${parsed.error.issues.map((issue) => `  ${issue.path.join(".")}: ${issue.message}`).join("\n")}`);
  }
  const consoleUrl = (parsed.data.SALLYPORT_CONSOLE_URL ?? `http://localhost:${parsed.data.SALLYPORT_CONSOLE_PORT}`).replace(/\/+$/, "");
  return Object.freeze({ ...parsed.data, consoleUrl });
}

let cached: Env | undefined;

/** The process's environment, parsed at first use. */
export function env(): Env {
  cached ??= parseEnv(process.env);
  return cached;
}

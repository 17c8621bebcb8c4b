/**
 * What this computer's owner decides, whatever the policy says: the relay to use, which services may be reached, whether the agent listens. The environment wins over
 * the files in the state directory (`relay.json` from `enrol --relay`, `reach.json`), those over the policy. A setting that cannot be read stops the agent: guessing
 * would open what somebody meant to close.
 */
import path from "node:path";
import { z } from "zod";
import type { AgentPolicy } from "../contract/agent-site.ts";
import { canonicalHost, host, port } from "../contract/names.ts";
import { listeningAgentPortDefault, relayPortDefault } from "../contract/relay.ts";
import type { AgentConfig } from "./config.ts";
import { makePrivateDir, readTextFile, removeFile, writeFileWhole } from "./files.ts";
import type { Trust } from "./path/route.ts";

export type Endpoint = { host: string; port: number };
/** Which services may be reached at all: the policy's list is narrowed to these, never widened. */
export type LocalReach = { kind: "off" } | { kind: "all" } | { kind: "some"; services: readonly Endpoint[] };

export type LocalSettings = {
  relay: Endpoint | null;
  /** The certificate that the gateway shows through the relay is not compared with the pins (S4-37). Without a relay it changes nothing. */
  isRelayValidationOff: boolean;
  reach: LocalReach;
  /** The agent waits to be dialled here and dials nothing itself (X4-01). `address` null: all. */
  listen: { address: string | null; port: number } | null;
};

const relayFile = z.strictObject({ relay: z.strictObject({ host, port }).nullable(), isValidationOff: z.boolean() });
const reachFile = z.strictObject({ allow: z.union([z.enum(["off", "all"]), z.array(z.union([z.string(), z.number().int()])).max(500)]) });

/** Throws TypeError with the setting's name, its value and what is expected. */
export function localSettings(config: AgentConfig): LocalSettings {
  const { environment, stateDir } = config;
  const stored = readJson(relayPath(stateDir), relayFile);
  return {
    relay: environment.relay === undefined ? (stored?.relay ?? null) : parseEndpoint(environment.relay, relayPortDefault, "SALLYPORT_RELAY"),
    isRelayValidationOff: environment.relayValidation === undefined ? (stored?.isValidationOff ?? false) : parseValidation(environment.relayValidation, "SALLYPORT_RELAY_VALIDATION"),
    reach: environment.reach === undefined ? storedReach(stateDir) : parseReach(environment.reach, "SALLYPORT_REACH"),
    listen: environment.listen === undefined ? null : parseListen(environment.listen),
  };
}

/** What `enrol --relay` and `--relay-validation` set, for this and later runs; nothing given leaves what there is. */
export function storeRelay(stateDir: string, given: { relay: string | undefined; validation: string | undefined }): void {
  if (given.relay === undefined && given.validation === undefined) return;
  const before = readJson(relayPath(stateDir), relayFile) ?? { relay: null, isValidationOff: false };
  const relay = given.relay === undefined ? before.relay : given.relay === "none" ? null : parseEndpoint(given.relay, relayPortDefault, "--relay");
  const isValidationOff = given.validation === undefined ? before.isValidationOff : parseValidation(given.validation, "--relay-validation");
  makePrivateDir(stateDir);
  if (relay === null && !isValidationOff) removeFile(relayPath(stateDir));
  else writeFileWhole(relayPath(stateDir), `${JSON.stringify({ relay, isValidationOff })}\n`);
}

/** The policy with this computer's own settings put over it. Behind a relay no proxy is used: the relay is the one way out. */
export function effectivePolicy(policy: AgentPolicy, local: LocalSettings): AgentPolicy {
  const relay = local.relay ?? policy.relay;
  return relay === null ? policy : { ...policy, relay, requestProxy: null, channelProxy: null };
}

/** The relay as every connection of the agent takes it; null without one. */
export function relayUse(policy: AgentPolicy | null, local: LocalSettings): Trust["relay"] {
  const relay = local.relay ?? policy?.relay ?? null;
  return relay === null ? null : { ...relay, isValidated: !local.isRelayValidationOff };
}

/** `host`, `host:port`, `[v6]:port`. */
export function parseEndpoint(text: string, standardPort: number, setting: string): Endpoint {
  const parts = /^(\[[0-9A-Fa-f:.]+\]|[^:@/[\]\s]+)(?::([0-9]{1,5}))?$/.exec(text.trim());
  const found = canonicalHost(parts?.[1] ?? "");
  const number = parts?.[2] === undefined ? standardPort : Number(parts[2]);
  if (found === undefined || number < 1 || number > 65_535) throw new TypeError(`${setting} is ${JSON.stringify(text)}; expected HOST:PORT, such as relay.branch.example:${standardPort}`);
  return { host: found, port: number };
}

/** `off`, `all`, or a comma list of ports of this computer and `host:port`. */
export function parseReach(text: string, setting: string): LocalReach {
  const word = text.trim().toLowerCase();
  if (word === "off" || word === "all") return { kind: word };
  return { kind: "some", services: word.split(",").map((part) => parseService(part.trim(), setting)) };
}

function parseService(text: string, setting: string): Endpoint {
  const sentence = `${setting} has ${JSON.stringify(text)}; expected off, all, or a list such as 22,5432,printer.lan:9100`;
  if (/^[0-9]{1,5}$/.test(text)) {
    if (Number(text) >= 1 && Number(text) <= 65_535) return { host: "127.0.0.1", port: Number(text) };
    throw new TypeError(sentence);
  }
  if (!/:[0-9]{1,5}$/.test(text)) throw new TypeError(sentence);
  return parseEndpoint(text, 1, setting);
}

function parseListen(text: string): { address: string | null; port: number } {
  if (/^[0-9]{1,5}$/.test(text)) return { address: null, port: parseService(text, "SALLYPORT_LISTEN").port };
  if (text === "on" || text === "default") return { address: null, port: listeningAgentPortDefault };
  const { host: address, port: number } = parseEndpoint(text, listeningAgentPortDefault, "SALLYPORT_LISTEN");
  return { address, port: number };
}

function parseValidation(text: string, setting: string): boolean {
  if (text === "off") return true;
  if (text === "on") return false;
  throw new TypeError(`${setting} is ${JSON.stringify(text)}; expected on or off`);
}

function storedReach(stateDir: string): LocalReach {
  const file = path.join(stateDir, "reach.json");
  const stored = readJson(file, reachFile);
  if (stored === undefined) return { kind: "all" };
  if (typeof stored.allow === "string") return { kind: stored.allow };
  return { kind: "some", services: stored.allow.map((entry) => parseService(String(entry), file)) };
}

function relayPath(stateDir: string): string {
  return path.join(stateDir, "relay.json");
}

function readJson<S extends z.ZodType>(file: string, schema: S): z.infer<S> | undefined {
  const text = readTextFile(file);
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new TypeError(`${file} cannot be read as settings; correct it or remove it`, { cause });
  }
}

/** One command per operation of the API, so that everything the console can do can be done here; commands for the main flow (cli/commands) replace some of them. */
import type { Command } from "commander";
import { columnsFor, hasColumns } from "./columns.ts";
import { connection, type Connection } from "./config.ts";
import { confirmImpact, confirmName, confirmRefused, type Impact } from "./confirm.ts";
import { type CliError, usage } from "./errors.ts";
import { addFlags, type Flag, flagsOf, readFlags } from "./flags.ts";
import { callApi } from "./http.ts";
import { partOf, presentFields } from "./merge.ts";
import { kebab, namedTags, nounOf, type Operation, operations, referenceTag } from "./operations.ts";
import { cell, printDetail, printJson, printTable, type Row, type Screen } from "./output.ts";
import { readSmallFile, readStdin } from "./prompt.ts";
import { listAll, resolveId, resolveMember } from "./resolve.ts";

export type Shared = { readonly screen: Screen; readonly isJson: () => boolean };

/** What a noun alone means: `sallyport search TEXT`, `sallyport overview`. */
const defaultVerbs: ReadonlySet<string> = new Set(["search.query", "overview.view", "organisation.view", "topology.view"]);
/** Records of what happened are read from their end. */
const newestFirst: ReadonlySet<string> = new Set(["audit.list", "reachSession.list", "reachRequest.list", "task.list", "taskBatch.list"]);

/** A key has no password and no sessions; these belong to the console's pages. */
const sessionOnly: ReadonlySet<string> = new Set(["user.changePassword", "user.sessions", "user.endSession", "organisation.switchTo", "user.me"]);

const aliases: Record<string, string> = { get: "show", remove: "delete" };

/** Adds nouns and verbs; a verb that the noun already has stays as it is. */
export function addGeneric(program: Command, shared: Shared): void {
  for (const operation of operations) {
    if (sessionOnly.has(operation.name)) continue;
    const noun = nounCommand(program, operation.tag);
    const verb = kebab(operation.name.split(".")[1] ?? operation.name);
    if (noun.commands.some((command) => command.name() === verb || command.aliases().includes(verb))) continue;
    addCommand(noun, verb, operation, shared);
  }
}

/** The noun's command, made when first needed: `agent-group`, also written `agent-groups`. */
export function nounCommand(program: Command, tag: string): Command {
  const name = nounOf(tag);
  const present = program.commands.find((command) => command.name() === name);
  if (present) return present;
  const noun = program.command(name).description(nounTexts[tag] ?? tag.replaceAll("-", " "));
  if (name !== tag) noun.alias(tag);
  return noun;
}

const nounTexts: Record<string, string> = {
  sites: "Intranet sites with their subnets, and internet sites",
  servers: "Management servers and site servers that gateways reach",
  gateways: "Gateways in the DMZ: settings, package, certificate, logs",
  "agent-groups": "Groups of agents, by hand or by rule",
  agents: "Agents: state, groups, tokens, revocation",
  policies: "Which agents may use which gateways",
  pools: "Pools of members, their health, and how one is chosen",
  "virtual-services": "Services that gateways balance and, where told, decrypt",
  certificates: "Certificates of the organisation; import of third parties'",
  bundles: "Offline installers of agents",
  users: "People, invitations, one's own sessions",
  "api-keys": "API keys for programs",
  audit: "Who changed what, and whether the record is intact",
  relays: "Relays in networks that nobody can reach: registration, path, agents",
  "reach-rules": "Who may reach which services of which agents",
  "reach-requests": "Requests for approval to reach a service of an agent",
  "reach-sessions": "Sessions to services of agents: who, what, when, bytes, and why they ended",
  tasks: "What agents are told to do, now or when they next appear",
  "task-batches": "One task for the agents of groups, a few at a time",
  topology: "Sites, servers, gateways, relays and agents with their states and rates",
  refusals: "Connections that were refused, and why",
  organisation: "The organisation, its agent site and its defaults",
  lint: "Settings that work today and hurt tomorrow",
  overview: "The whole organisation on one page",
  search: "Find objects by name",
};

function addCommand(noun: Command, verb: string, operation: Operation, shared: Shared): void {
  const inPath = [...operation.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "");
  const positional = positionalOf(operation, inPath);
  const flags = flagsOf(operation, new Set([...inPath, ...positional, "version", "confirmName"]));
  const required = new Set(!isUpdate(operation) ? (operation.input?.required ?? []) : isSwitch(operation) ? ["isEnabled"] : []);
  const command = noun.command(verb, { isDefault: defaultVerbs.has(operation.name) }).description(operation.summary).allowExcessArguments(false);
  const alias = aliases[verb];
  if (alias) command.alias(alias);
  for (const name of inPath) command.argument(`<${name === "id" && namedTags.has(operation.tag) ? "name-or-id" : name.replace(/Id$/, "")}>`);
  for (const name of positional) command.argument(required.has(name) ? `<${name}>` : `[${name}]`);
  addFlags(command, isUpdate(operation) ? flags.map(keepPresent) : flags, required);
  if (operation.method !== "GET" && flags.length > 0) command.option("--from <file>", "read the whole input as JSON from a file, - for standard input; flags win over it");
  if (isList(operation)) command.option("--all", "all pages");
  if (cutsOff(operation) || mayAsk(operation)) command.option("--yes", "do not ask");
  command.action(async (...given: unknown[]) => {
    const options = given[inPath.length + positional.length] as Record<string, unknown>;
    await run({ operation, inPath, positional, flags, values: given.map((value) => (typeof value === "string" ? value : undefined)), options }, shared);
  });
}

/** In an update a flag left out keeps the present value, so the schema's default is not shown. */
function keepPresent(flag: Flag): Flag {
  const { default: _, ...schema } = flag.schema;
  return { ...flag, schema };
}

type Call = { operation: Operation; inPath: string[]; positional: string[]; flags: Flag[]; values: (string | undefined)[]; options: Record<string, unknown> };

async function run(call: Call, shared: Shared): Promise<void> {
  const { operation, inPath, positional, options } = call;
  const target = connection();
  const params: Record<string, string> = {};
  for (const [index, name] of inPath.entries()) params[name] = name === "memberId" ? await resolveMember(target, params["poolId"] ?? "", call.values[index] ?? "") : await resolveId(target, referenceTag(name, operation.tag) ?? "", call.values[index] ?? "");
  const given = { ...(await fromFile(options["from"])), ...Object.fromEntries(positional.flatMap((name, index) => (call.values[inPath.length + index] === undefined ? [] : [[name, call.values[inPath.length + index]]]))), ...(await readFlags(call.flags, options)) };
  const input = await resolveReferences(target, call.flags, given);
  if (isSwitch(operation) && input["isEnabled"] === undefined) throw missingFlags(call, ["isEnabled"]);
  const present = isUpdate(operation) ? await presentFields(target, operation, params["id"] ?? "") : {};
  const confirmation = cutsOff(operation) ? await confirm(target, { call, params, input }, shared) : {};
  const full = { ...(newestFirst.has(operation.name) && input["sort"] === undefined ? { desc: true } : {}), ...present, ...input, ...confirmation };
  demandRequired(call, full, inPath);
  const sending = { operation, params, full, isAll: options["all"] === true };
  try {
    await send(target, sending, shared);
  } catch (error) {
    const confirmed = mayAsk(operation) ? await confirmRefused(error, { what: operation.summary, isYes: options["yes"] === true }, shared.screen) : undefined;
    if (confirmed === undefined) throw error;
    await send(target, { ...sending, full: { ...full, confirmName: confirmed } }, shared);
  }
}

async function send(target: Connection, call: { operation: Operation; params: Record<string, string>; full: Record<string, unknown>; isAll: boolean }, shared: Shared): Promise<void> {
  const { operation, params, full } = call;
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ""));
  if (call.isAll) {
    const rows = await listAll(target, path.slice(1), full);
    return show(shared, operation.tag, { rows, total: rows.length }, operation.name);
  }
  const inQuery = operation.method === "GET" || operation.method === "DELETE";
  const reply = await callApi(target, { method: operation.method, path, ...(inQuery ? { query: full } : operation.input ? { body: full } : {}) });
  show(shared, operation.tag, reply, operation.name);
}

/** Shows an answer: a list as a table, an object as lines, a mere id as one sentence. */
export function show(shared: Shared, tag: string, reply: unknown, name = ""): void {
  const { screen } = shared;
  if (shared.isJson()) return printJson(screen, reply);
  const rows = Array.isArray(reply) ? (reply as Row[]) : ((reply as Row | null)?.["rows"] as Row[] | undefined);
  if (rows && rows.every((row) => typeof row === "object")) return showRows(screen, hasColumns(name) ? name : tag, rows, Array.isArray(reply) ? rows.length : Number((reply as Row)["total"] ?? rows.length));
  const keys = Object.keys((reply as Row | null) ?? {});
  if (keys.length === 1 && (keys[0] === "id" || keys[0] === "version" || keys[0] === "isDone")) return screen.out(keys[0] === "id" ? `${doneWord(name)} ${cell((reply as Row)["id"])}\n` : `${doneWord(name)}\n`);
  printDetail(screen, reply);
}

function showRows(screen: Screen, tag: string, rows: Row[], total: number): void {
  if (rows.length === 0) return screen.err(`No ${tag.includes(".") ? "entries" : tag.replaceAll("-", " ")} found.\n`);
  printTable(screen, columnsFor(tag, rows), rows);
  if (total > rows.length) screen.err(`${rows.length} of ${total}; see the others with --page, or --all.\n`);
}

function doneWord(name: string): string {
  const verb = name.split(".")[1] ?? "";
  if (verb === "create") return "Created";
  if (verb.startsWith("issue")) return "Issued";
  if (verb === "import") return "Imported";
  if (verb === "remove") return "Deleted";
  if (verb.startsWith("revoke")) return "Revoked";
  return "Done";
}

async function confirm(target: Connection, about: { call: Call; params: Record<string, string>; input: Record<string, unknown> }, shared: Shared): Promise<Record<string, unknown>> {
  const { operation, options } = about.call;
  if (about.input["isEnabled"] === true) return {};
  const id = encodeURIComponent(about.params["id"] ?? "");
  const impact = (await callApi(target, { method: "GET", path: `/${operation.tag}/${id}/impact` })) as Impact;
  const name = canGet(operation) ? confirmName((await callApi(target, { method: "GET", path: `/${operation.tag}/${id}` })) as Row) : String(about.call.values[0]);
  const what = `${operation.summary}: ${name}`;
  const confirmed = await confirmImpact(shared.screen, { what, name, impact, isYes: options["yes"] === true });
  return operation.input?.properties?.["confirmName"] ? { confirmName: confirmed } : {};
}

async function fromFile(source: unknown): Promise<Record<string, unknown>> {
  if (typeof source !== "string") return {};
  let value: unknown;
  try {
    value = JSON.parse(source === "-" ? await readStdin() : readSmallFile(source));
  } catch (error) {
    if (error instanceof SyntaxError) throw usage(`--from takes JSON: ${error.message}`);
    throw error;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw usage("--from takes a JSON object.");
  const { service, reasons } = value as Record<string, unknown>;
  // What `virtual-service preset --json` printed: the filled form beside its reasons.
  if (typeof service === "object" && service !== null && Array.isArray(reasons)) return service as Record<string, unknown>;
  return value as Record<string, unknown>;
}

async function resolveReferences(target: Connection, flags: readonly Flag[], input: Record<string, unknown>): Promise<Record<string, unknown>> {
  const resolved = { ...input };
  for (const { property, tag } of flags) {
    const value = resolved[property];
    if (tag === undefined || value === undefined || value === null) continue;
    resolved[property] = Array.isArray(value) ? await Promise.all(value.map((one) => resolveId(target, tag, String(one)))) : typeof value === "string" ? await resolveId(target, tag, value) : value;
  }
  return resolved;
}

function demandRequired(call: Call, input: Record<string, unknown>, inPath: readonly string[]): void {
  const missing = (call.operation.input?.required ?? []).filter((name) => input[name] === undefined && !inPath.includes(name));
  if (missing.length > 0) throw missingFlags(call, missing);
}

function missingFlags(call: Call, missing: readonly string[]): CliError {
  const names = missing.map((name) => (call.positional.includes(name) ? `<${name}>` : `--${call.flags.find((flag) => flag.property === name)?.flag ?? name}`));
  return usage(`Missing: ${names.join(", ")}. See: sallyport ${nounOf(call.operation.tag)} ${kebab(call.operation.name.split(".")[1] ?? "")} --help`);
}

/** What is typed without a flag: the name of a new object, the text to search for. */
function positionalOf(operation: Operation, inPath: readonly string[]): string[] {
  const properties = operation.input?.properties ?? {};
  if (operation.name === "search.query") return ["text"];
  if (operation.name === "user.invite") return ["email"];
  return inPath.length === 0 && operation.method === "POST" && properties["name"] && operation.input?.required?.includes("name") ? ["name"] : [];
}

function isUpdate(operation: Operation): boolean {
  return (((operation.method === "PATCH" && operation.path.includes("{id}")) || isSwitch(operation)) && canGet(operation)) || partOf(operation) !== undefined;
}

function isSwitch(operation: Operation): boolean {
  return operation.name.endsWith(".setEnabled");
}

function canGet(operation: Operation): boolean {
  return operations.some((other) => other.name === `${operation.name.split(".")[0]}.get`);
}

function isList(operation: Operation): boolean {
  return operation.method === "GET" && operation.input?.properties?.["pageSize"] !== undefined;
}

/** Changes that ask for a name only when they would cut somebody off: the console says so, and which name. */
function mayAsk(operation: Operation): boolean {
  return operation.input?.properties?.["confirmName"] !== undefined && !cutsOff(operation);
}

const cuttingVerbs = new Set(["remove", "revoke", "setEnabled"]);

/** Operations whose impact can be asked for beforehand. */
function cutsOff(operation: Operation): boolean {
  const [noun, verb = ""] = operation.name.split(".");
  return cuttingVerbs.has(verb) && operation.path.includes("{id}") && operations.some((other) => other.name === `${noun}.impact`);
}

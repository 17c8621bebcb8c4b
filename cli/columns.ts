/** Columns of each list, in the order people look for them; the id stands last, so that it can be copied. */
import { cell, type Column, type Row, time, words } from "./output.ts";

const text = (title: string, key: string = title): Column => ({ title, value: (row) => cell(row[key]) });
const number = (title: string, key: string = title): Column => ({ title, value: (row) => cell(row[key]), isRight: true });
const when = (title: string, key: string): Column => ({ title, value: (row) => time(row[key]) });
const id = text("id");

/** By the list's tag; lists of something else below the same tag, by the operation's name. */
const byTag: Record<string, readonly Column[]> = {
  sites: [text("name"), text("kind"), text("subnets"), number("servers", "serverCount"), id],
  servers: [text("name"), text("kind"), text("names"), text("ports"), { title: "ready", value: (row) => cell((row["readiness"] as Row | undefined)?.["isReady"]) }, number("gateways", "gatewayCount"), id],
  gateways: [text("name"), text("state"), text("public names", "publicNames"), number("port", "publicPort"), number("tunnels"), { title: "revision", value: (row) => `${cell(row["appliedRevision"])}/${cell(row["revision"])}`, isRight: true }, when("seen", "lastSeenAt"), id],
  "agent-groups": [text("name"), text("kind"), number("agents", "agentCount"), number("policies", "policyCount"), id],
  agents: [text("hostname"), text("state"), { title: "via", value: (row) => pathText(row["path"]) }, text("groups"), text("platform"), when("seen", "lastSeenAt"), id],
  policies: [text("name"), text("enabled", "isEnabled"), { title: "gateways", value: (row) => cell((row["gateways"] as Row[] | undefined)?.map((gateway) => `${cell(gateway["fqdn"])}:${cell(gateway["port"])}`)) }, number("agents", "agentCount"), id],
  pools: [text("name"), text("state"), text("scheduling"), { title: "members up", value: (row) => `${cell(row["membersUp"])}/${cell(row["memberCount"])}`, isRight: true }, text("check", "checkKind"), number("services", "serviceCount"), id],
  "pool.history": [when("when", "at"), { title: "member", value: (row) => cell((row["member"] as Row | undefined)?.["name"]) }, text("was", "before"), text("is", "state"), { title: "seen by", value: (row) => cell((row["gateway"] as Row | undefined)?.["name"]) }, text("cause")],
  "virtualService.memberCertificates": [text("member", "name"), text("names"), text("issuer"), when("ends", "notAfter"), text("problem"), text("sha-256", "fingerprint")],
  "virtualService.presets": [text("preset", "id"), text("name"), text("for", "sentence")],
  "virtual-services": [text("name"), text("state"), text("mode"), text("protocol"), { title: "listens on", value: (row) => `${cell(row["address"]).includes(":") ? `[${cell(row["address"])}]` : cell(row["address"])}:${cell(row["port"])}` }, text("names", "serverNames"), { title: "members up", value: (row) => `${cell(row["membersUp"])}/${cell(row["memberCount"])}`, isRight: true }, number("connections"), id],
  certificates: [text("name"), text("subject"), text("purpose"), text("state"), when("ends", "notAfter"), { title: "sha-256", value: (row) => cell(row["fingerprint"]).slice(0, 16) }, id],
  bundles: [text("name"), text("state"), { title: "uses", value: (row) => `${cell(row["uses"])}/${cell(row["usesMax"])}`, isRight: true }, text("groups"), when("expires", "expiresAt"), id],
  users: [text("name"), text("email"), text("role"), { title: "state", value: (row) => (row["isInvited"] === true ? "invited" : row["isYou"] === true ? "you" : "member") }, when("seen", "lastSeenAt"), id],
  "api-keys": [text("name"), text("role"), text("prefix"), when("expires", "expiresAt"), when("used", "lastUsedAt"), id],
  audit: [when("when", "at"), { title: "who", value: (row) => cell((row["actor"] as Row | undefined)?.["name"]) }, text("action"), { title: "what", value: (row) => cell((row["target"] as Row | null)?.["name"]) }, text("from", "source")],
  refusals: [when("when", "at"), text("code"), { title: "gateway", value: (row) => cell((row["gateway"] as Row | null)?.["name"] ?? "agent site") }, { title: "agent", value: (row) => cell((row["agent"] as Row | null)?.["name"]) }, text("source"), number("count"), text("connection", "connectionId")],
  relays: [number("no", "number"), text("name"), text("state"), text("direction"), text("site"), text("path"), number("nodes"), number("agents"), when("seen", "lastSeenAt"), id],
  "reach-rules": [text("name"), text("enabled", "isEnabled"), { title: "services", value: (row) => cell((row["services"] as Row[] | undefined)?.map((service) => `${cell(service["name"])}:${cell(service["port"])}`)) }, text("groups"), number("agents", "agentCount"), text("approval", "needsApproval"), id],
  "reach-requests": [text("state"), text("agent"), { title: "service", value: (row) => serviceText(row["service"]) }, text("asked by", "requestedBy"), text("reason"), when("asked", "createdAt"), id],
  "reach-sessions": [text("state"), text("agent"), { title: "service", value: (row) => serviceText(row["service"]) }, { title: "who", value: (row) => cell((row["actor"] as Row | undefined)?.["name"]) }, text("gateway"), when("asked", "createdAt"), number("up", "bytesUp"), number("down", "bytesDown"), text("ended", "endReason"), id],
  tasks: [text("kind"), text("state"), text("agent"), text("by", "createdBy"), when("made", "createdAt"), when("ended", "endedAt"), text("message"), id],
  "task-batches": [text("name"), text("kind"), text("state"), { title: "done", value: (row) => `${cell((row["counts"] as Row | undefined)?.["done"] ?? 0)}/${cell(row["total"])}`, isRight: true }, { title: "failed", value: (row) => cell((row["counts"] as Row | undefined)?.["failed"] ?? 0), isRight: true }, text("by", "createdBy"), when("made", "createdAt"), text("halted", "haltReason"), id],
  search: [text("kind"), text("name"), text("hint"), id],
};

/** How an agent is connected: `lan`, `gateway NAME`, `proxy ADDRESS` or `-`. */
export function pathText(path: unknown): string {
  if (typeof path !== "object" || path === null) return "-";
  const { kind, name, address } = path as Row;
  if (kind === "none") return "-";
  return [kind, name ?? address].filter((part) => typeof part === "string").join(" ");
}

function serviceText(service: unknown): string {
  const { name, port } = (service ?? {}) as Row;
  return name === `port ${cell(port)}` ? cell(name) : `${cell(name)}:${cell(port)}`; // what no rule opens has no name
}

/** Whether the list that this operation answers with has columns of its own. */
export function hasColumns(operation: string): boolean {
  return operation in byTag;
}

/** Columns of a list; for a list of another kind the plain values of its first row. */
export function columnsFor(tag: string, rows: readonly Row[]): readonly Column[] {
  const [first = {}] = rows;
  const known = byTag[tag];
  if (known?.some((column) => column.value(first) !== "-")) return known;
  return Object.keys(first).filter((key) => typeof first[key] !== "object" || Array.isArray(first[key])).slice(0, 7).map((key) => (/At$|^at$/.test(key) ? when(words(key), key) : text(words(key), key)));
}

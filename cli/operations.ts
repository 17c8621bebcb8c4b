/** The console's operations as this build knows them: cli/operations.json, written from the OpenAPI document's source and held equal to it by tests/console/rest.test.ts. */
import list from "./operations.json" with { type: "json" };

export type Schema = { type?: string | string[]; properties?: Record<string, Schema>; required?: string[]; anyOf?: Schema[]; oneOf?: Schema[]; items?: Schema; enum?: unknown[]; const?: unknown; default?: unknown; maximum?: number; minimum?: number };
export type Operation = { name: string; method: string; path: string; tag: string; summary: string; demand: string; input: Schema | null };

export const operations = list as unknown as readonly Operation[];

export function operationNamed(name: string): Operation {
  const found = operations.find((operation) => operation.name === name);
  if (!found) throw new Error(`this build knows no operation ${name}`);
  return found;
}

/** One word for a tag, as it is typed: `agent-groups` is `agent-group`. */
export function nounOf(tag: string): string {
  if (tag === "policies") return "policy";
  if (tag.endsWith("ches")) return tag.slice(0, -2);
  return tag.endsWith("s") ? tag.slice(0, -1) : tag;
}

/** `revokeMany` is `revoke-many`. */
export function kebab(text: string): string {
  return text.replace(/([a-z0-9])([A-Z])/g, "$1-$2").toLowerCase();
}

/** Which list an id property points into; undefined for properties that are no reference. */
export function referenceTag(property: string, ownTag: string): string | undefined {
  if (property === "id" || property === "ids") return ownTag;
  const stem = /^(.+?)Ids?$/.exec(property)?.[1];
  return stem === undefined ? undefined : referenceTags[stem];
}

const referenceTags: Record<string, string> = { site: "sites", server: "servers", gateway: "gateways", group: "agent-groups", agent: "agents", certificate: "certificates", bundle: "bundles", pool: "pools", service: "virtual-services", relay: "relays", behindRelay: "relays", rule: "reach-rules" };

/** Tags whose objects can be named instead of numbered. */
export const namedTags: ReadonlySet<string> = new Set(["sites", "servers", "gateways", "agent-groups", "agents", "policies", "pools", "virtual-services", "certificates", "bundles", "users", "api-keys", "relays", "reach-rules"]);

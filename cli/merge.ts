/** An update replaces all fields of an object; what the person did not name keeps its value. These functions read the present values in the form of the update's input. */
import type { Connection } from "./config.ts";
import { callApi } from "./http.ts";
import { listAll } from "./resolve.ts";
import type { Operation, Schema } from "./operations.ts";
import type { Row } from "./output.ts";

/** The object's present fields as the update operation takes them, its edit counter included. */
export async function presentFields(target: Connection, operation: Operation, id: string): Promise<Record<string, unknown>> {
  const detail = await detailOf(target, operation, id);
  const fields: Record<string, unknown> = {};
  for (const [property, schema] of Object.entries(operation.input?.properties ?? {})) {
    const value = property === "version" ? (detail["rowVersion"] ?? detail["version"]) : presentValue(detail, property);
    if (value !== undefined && property !== "id") fields[property] = fitTo(schema, value);
  }
  if (operation.tag === "agent-groups" && detail["kind"] === "static" && fields["agentIds"] === undefined) fields["agentIds"] = await membersOf(target, id);
  return fields;
}

/** Settings without an id of their own are a part of the organisation: `organisation.updateAgentSite` changes its `agentSite`. */
async function detailOf(target: Connection, operation: Operation, id: string): Promise<Row> {
  if (operation.path.includes("{")) return (await callApi(target, { method: "GET", path: `/${operation.tag}/${encodeURIComponent(id)}` })) as Row;
  const whole = (await callApi(target, { method: "GET", path: `/${operation.tag}` })) as Row;
  const part = whole[partOf(operation) ?? ""];
  return typeof part === "object" && part !== null ? (part as Row) : whole;
}

/** What of its object an operation updates: `updateAgentSite` is `agentSite`; undefined for what updates the whole. */
export function partOf({ name }: Operation): string | undefined {
  const part = /^organisation\.update([A-Z]\w*)$/.exec(name)?.[1];
  return part === undefined ? undefined : `${part.charAt(0).toLowerCase()}${part.slice(1)}`;
}

/** `groupIds` is read from the detail's `groups`, `poolId` from its `pool`. */
function presentValue(detail: Row, property: string): unknown {
  if (detail[property] !== undefined) return detail[property];
  if (property.endsWith("Id")) return (detail[property.slice(0, -2)] as Row | null | undefined)?.["id"];
  const list = property.endsWith("Ids") ? detail[`${property.slice(0, -3)}s`] : undefined;
  return Array.isArray(list) ? list.map((item: Row) => item["id"]) : undefined;
}

async function membersOf(target: Connection, id: string): Promise<unknown[]> {
  return (await listAll(target, `agent-groups/${encodeURIComponent(id)}/members`, {})).map((row) => row["id"]);
}

/** Drops what the schema does not know: details carry more than updates take, and updates refuse unknown keys. */
export function fitTo(schema: Schema, value: unknown): unknown {
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return fitTo(optionFor(options, value) ?? {}, value);
  if (Array.isArray(value)) return schema.items ? value.map((item) => fitTo(schema.items ?? {}, item)) : value;
  const { properties } = schema;
  if (typeof value !== "object" || value === null || !properties) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([key, inner]) => (properties[key] ? [[key, fitTo(properties[key], inner)]] : [])));
}

function optionFor(options: readonly Schema[], value: unknown): Schema | undefined {
  if (value === null) return options.find((option) => option.type === "null");
  const kind = (value as Row)["kind"];
  return options.find((option) => option.properties?.["kind"]?.const !== undefined && option.properties["kind"].const === kind) ?? options.find((option) => option.type !== "null");
}

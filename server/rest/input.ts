/** Puts a procedure's input together from path, query and body. Query values are text; the input's schema says which are numbers, booleans or lists. */
import { refuseKey } from "../auth/guard.ts";
import { ConsoleError } from "../errors.ts";
import { inputSchema, type JsonSchema } from "./schema.ts";
import type { Operation } from "./operations.ts";

const schemas = new WeakMap<Operation, JsonSchema>();

/** The raw input, still to be judged by the procedure's own schema. Undefined when the operation takes none. */
export function readInput(operation: Operation, sources: { params: Record<string, string>; query: URLSearchParams; body: unknown }): unknown {
  const fromBody = operation.method === "GET" || operation.method === "DELETE" ? {} : objectOf(sources.body);
  const given = { ...readQuery(operation, sources.query), ...fromBody, ...sources.params };
  if (operation.input) return given;
  const [unknown] = Object.keys(given);
  if (unknown !== undefined) throw new ConsoleError("input-invalid", `${operation.method} ${operation.path} takes no input; remove "${unknown}".`);
  return undefined;
}

function objectOf(body: unknown): Record<string, unknown> {
  if (body === undefined) return {};
  if (typeof body !== "object" || body === null || Array.isArray(body)) throw new ConsoleError("input-invalid", "The body must be a JSON object.");
  return { ...body };
}

function readQuery(operation: Operation, query: URLSearchParams): Record<string, unknown> {
  for (const key of query.keys()) refuseKey(key);
  const properties = operation.input ? schemaOf(operation, operation.input).properties ?? {} : {};
  return Object.fromEntries([...new Set(query.keys())].map((key) => [key, coerce(query.getAll(key), Object.hasOwn(properties, key) ? properties[key] : undefined)]));
}

function schemaOf(operation: Operation, input: NonNullable<Operation["input"]>): JsonSchema {
  const known = schemas.get(operation) ?? inputSchema(input);
  schemas.set(operation, known);
  return known;
}

/** Text that does not fit stays text, so that the procedure's schema names what it expected. */
function coerce(values: string[], schema: JsonSchema | undefined): unknown {
  const [text = ""] = values;
  if (schema?.type === "array") return values.map((value) => coerce([value], schema.items));
  if (values.length > 1) return values;
  if ((schema?.type === "integer" || schema?.type === "number") && /^-?\d{1,15}(\.\d+)?$/.test(text)) return Number(text);
  if (schema?.type === "boolean" && (text === "true" || text === "false")) return text === "true";
  return text;
}

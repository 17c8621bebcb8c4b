/**
 * Short ways to write what the API takes as an object: `HOST:PORT` for an address, `ssh:22,db:10.0.0.5:5432` for services, `operator,administrator` for roles, `diagnose` for an order. Told by
 * the schema, so that every operation with such a property has them; JSON works as before.
 */
import type { Schema } from "./operations.ts";

export type ShortForm = { /** As the help shows it. */ readonly text: string; /** Undefined: the text does not have this form. */ readonly read: (text: string) => unknown };

/** The short form of values of this schema; undefined when there is none. */
export function shortFormOf(schema: Schema): ShortForm | undefined {
  const isList = schema.type === "array";
  const object = isList ? schema.items : schema;
  const keys = Object.keys(object?.properties ?? {}).sort().join(" ");
  if (keys === "host port") return isList ? listOf("HOST[:PORT],…", endpoint) : { text: "HOST[:PORT]", read: endpoint };
  if (keys === "host name port" && isList) return listOf("NAME:[HOST:]PORT,…", service);
  const kinds = (schema.oneOf ?? []).flatMap((option) => (option.required?.join(" ") === "kind" ? [option.properties?.["kind"]?.const] : []));
  if (kinds.length > 0) return { text: kinds.join("|"), read: (text) => (kinds.includes(text) ? { kind: text } : undefined) };
  if (object?.properties?.["roles"] && !isList) return { text: "ROLE,…", read: roles };
  return undefined;
}

function listOf(text: string, read: (part: string) => unknown): ShortForm {
  return {
    text,
    read(value) {
      const parts = value.split(",").map((part) => read(part.trim()));
      return parts.includes(undefined) ? undefined : parts;
    },
  };
}

/** A host name, an IPv4 address or an IPv6 address in brackets; without a port the API's usual one. */
function endpoint(text: string): unknown {
  const match = /^(\[[^\]]+\]|[^:[\]{}\s,]+)(?::(\d{1,5}))?$/.exec(text);
  if (!match) return undefined;
  const host = (match[1] ?? "").replace(/^\[|\]$/g, "");
  return match[2] === undefined ? { host } : { host, port: Number(match[2]) };
}

function service(text: string): unknown {
  const match = /^([^:[\]{}",]+):(?:(\[[^\]]+\]|[^:[\]{}\s]+):)?(\d{1,5})$/.exec(text);
  if (!match) return undefined;
  const [, name = "", host, port = ""] = match;
  return { name: name.trim(), ...(host === undefined ? {} : { host: host.replace(/^\[|\]$/g, "") }), port: Number(port) };
}

function roles(text: string): unknown {
  return /^[a-z]+(,\s*[a-z]+)*$/.test(text) ? { roles: text.split(",").map((role) => role.trim()) } : undefined;
}

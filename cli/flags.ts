/** Flags of a generated command: one per property of the operation's input, named as people say it. */
import { readFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { usage } from "./errors.ts";
import { kebab, type Operation, referenceTag, type Schema } from "./operations.ts";
import { firstLine, readSmallFile } from "./prompt.ts";
import { shortFormOf } from "./short-forms.ts";

/** How a property is given on the command line. */
export type Flag = {
  readonly property: string;
  readonly flag: string;
  readonly kind: "text" | "number" | "boolean" | "list" | "json" | "file" | "base64-file" | "secret-file";
  readonly schema: Schema;
  /** List whose names are accepted instead of ids. */
  readonly tag: string | undefined;
  readonly isNullable: boolean;
};

/** The flags of an operation; `omit` names properties that come from elsewhere (path, version, confirmation). */
export function flagsOf(operation: Operation, omit: ReadonlySet<string>): Flag[] {
  const properties = Object.entries(operation.input?.properties ?? {}).filter(([property]) => !omit.has(property));
  const taken = new Set(properties.map(([property]) => property));
  return properties.map(([property, given]) => {
    const { schema, isNullable } = withoutNull(given);
    const tag = referenceTag(property, operation.tag);
    const kind = kindOf(property, schema);
    return { property, flag: flagName(property, kind, taken), kind, schema, tag, isNullable };
  });
}

/** Adds the flags to a command's help and parser. */
export function addFlags(command: Command, flags: readonly Flag[], required: ReadonlySet<string>): void {
  for (const flag of flags) {
    const option = new Option(`--${flag.flag} ${placeholder(flag)}`, help(flag, required.has(flag.property)));
    if (flag.schema.enum && flag.kind === "text") option.choices(flag.schema.enum.map(String));
    command.addOption(option);
  }
}

/** Reads the flags that were given into input properties. Throws usage errors that name the flag. */
export async function readFlags(flags: readonly Flag[], options: Record<string, unknown>): Promise<Record<string, unknown>> {
  const input: Record<string, unknown> = {};
  for (const flag of flags) {
    const value = options[camel(flag.flag)];
    if (value !== undefined) input[flag.property] = await parse(flag, value);
  }
  return input;
}

function kindOf(property: string, schema: Schema): Flag["kind"] {
  if (/password|^current$|secret/i.test(property)) return "secret-file";
  if (property === "pkcs12Base64") return "base64-file";
  if (/pem$/i.test(property)) return "file";
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (schema.type === "boolean") return "boolean";
  if (schema.type === "array" && typeof schema.items?.type === "string" && ["string", "integer", "number"].includes(schema.items.type)) return "list";
  return schema.type === "string" || schema.enum ? "text" : "json";
}

function flagName(property: string, kind: Flag["kind"], taken: ReadonlySet<string>): string {
  if (kind === "secret-file" || kind === "file") return `${kebab(property).replace(/^current$/, "current-password")}-file`;
  if (kind === "base64-file") return "pkcs12-file";
  // An object that can be named or described: --pool names one, --new-pool describes it.
  if (kind === "json" && taken.has(`${property}Id`)) return `new-${kebab(property)}`;
  const short = property.length > 3 && property.endsWith("Ids") ? `${property.slice(0, -3)}s` : property.length > 2 && property.endsWith("Id") ? property.slice(0, -2) : property.replace(/^is([A-Z])/, (_, letter: string) => letter.toLowerCase());
  return kebab(short !== property && taken.has(short) && !property.endsWith("Id") ? property : short);
}

function placeholder(flag: Flag): string {
  if (flag.kind === "number") return "<number>";
  if (flag.kind === "boolean") return "[yes|no]";
  if (flag.kind === "list") return flag.tag ? "<name-or-id...>" : "<value...>";
  if (flag.kind === "json") return shortFormOf(flag.schema) ? "<value>" : "<json>";
  if (flag.kind === "text") return flag.tag ? "<name-or-id>" : "<text>";
  return "<file>";
}

function help(flag: Flag, isRequired: boolean): string {
  const notes = [
    isRequired ? "required" : "",
    flag.kind === "json" ? [shortFormOf(flag.schema)?.text, "JSON", "or @FILE"].filter(Boolean).join(", ") : "",
    flag.kind === "secret-file" ? "first line of a file; - reads standard input" : "",
    flag.isNullable ? '"none" clears it' : "",
    flag.schema.default === undefined || isRequired ? "" : `default ${JSON.stringify(flag.schema.default)}`,
  ].filter((note) => note !== "");
  const title = titleOf(flag);
  return notes.length > 0 ? `${title} (${notes.join("; ")})` : title;
}

function titleOf(flag: Flag): string {
  if (flag.kind === "base64-file") return "PKCS#12 file";
  return kebab(flag.property).replace(/^is-/, "").replace(/-ids$/, "s").replace(/-id$/, "").replaceAll("-", " ").replace(/\bpem\b/, "in PEM");
}

async function parse(flag: Flag, value: unknown): Promise<unknown> {
  if (flag.isNullable && (value === "none" || value === "null")) return null;
  switch (flag.kind) {
    case "number": {
      const number = Number(value);
      if (!Number.isFinite(number) || value === "") throw usage(`--${flag.flag} takes a number, not "${String(value)}".`);
      return number;
    }
    case "boolean":
      return readBoolean(flag, value);
    case "list": {
      const texts = (Array.isArray(value) ? value : [value]).flatMap((text) => String(text).split(",")).map((text) => text.trim()).filter((text) => text !== "" && text !== "none");
      return flag.schema.items?.type === "string" ? texts : texts.map(Number);
    }
    case "json":
      return readJson(flag, String(value));
    case "file":
      return readSmallFile(String(value));
    case "base64-file":
      return readFileSync(String(value)).toString("base64");
    case "secret-file":
      return firstLine(value === "-" ? "stdin" : String(value));
    case "text":
      return String(value);
  }
}

function readBoolean(flag: Flag, value: unknown): boolean {
  if (value === true || value === "yes" || value === "true" || value === "on") return true;
  if (value === "no" || value === "false" || value === "off") return false;
  throw usage(`--${flag.flag} takes yes or no, not "${String(value)}".`);
}

function readJson(flag: Flag, text: string): unknown {
  const short = shortFormOf(flag.schema)?.read(text);
  if (short !== undefined) return short;
  try {
    return JSON.parse(text.startsWith("@") ? readSmallFile(text.slice(1)) : text);
  } catch (error) {
    if (error instanceof SyntaxError) throw usage(`--${flag.flag} takes ${[shortFormOf(flag.schema)?.text, "JSON"].filter(Boolean).join(", ")}, or @FILE with JSON${exampleOf(flag)}: ${error.message}`);
    throw error;
  }
}

/** The default is the best example of what a flag's JSON looks like. */
function exampleOf({ schema }: Flag): string {
  return typeof schema.default === "object" && schema.default !== null && Object.keys(schema.default).length > 0 ? `, such as ${JSON.stringify(schema.default)}` : "";
}

function withoutNull(schema: Schema): { schema: Schema; isNullable: boolean } {
  const options = schema.anyOf ?? [];
  const others = options.filter((option) => option.type !== "null");
  const [only] = others;
  if (only && others.length === 1 && others.length < options.length) return { schema: { ...only, ...(schema.default === undefined ? {} : { default: schema.default }) }, isNullable: true };
  return { schema, isNullable: false };
}

/** As commander names the option's value. */
export function camel(flag: string): string {
  return flag.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

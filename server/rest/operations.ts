/**
 * REST operations under /api/v1, read from the tRPC procedures' meta: method, path, input and output are the procedure's own, so the two doors cannot drift apart.
 * (trpc-to-openapi is not used for this: its handler answers errors in another form, and it cannot take lists or answers that are arrays.)
 */
import type { AnyProcedure } from "@trpc/server";
import { z } from "zod";
import type { Demand } from "../../contract/roles.ts";
import type { Meta } from "../trpc/init.ts";

export type Method = "GET" | "POST" | "PATCH" | "PUT" | "DELETE";

export type Operation = {
  /** Router key and procedure, such as `site.create`; also the operation id. */
  readonly name: string;
  readonly method: Method;
  /** Below /api/v1, with `{id}` for parameters. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly demand: Demand;
  readonly type: "query" | "mutation";
  /** Null: takes no input. */
  readonly input: z.ZodType | null;
  readonly output: z.ZodType;
  readonly procedure: AnyProcedure;
};

type Definition = { meta?: Meta; type: "query" | "mutation" | "subscription"; inputs: unknown[]; output?: unknown };

/** Every procedure with a REST path, most specific paths first. Throws when two claim the same method and path: a mistake of ours, found at start. */
export function operationsOf(procedures: Record<string, unknown>): Operation[] {
  const operations = Object.entries(procedures).flatMap(([name, procedure]) => operationOf(name, procedure as AnyProcedure) ?? []);
  const seen = new Map<string, string>();
  for (const { method, path, name } of operations) {
    const key = `${method} ${path.replace(/\{\w+\}/g, "{}")}`;
    const other = seen.get(key);
    if (other) throw new Error(`${name} and ${other} both claim ${key}`);
    seen.set(key, name);
  }
  return operations.sort((a, b) => paramCount(a.path) - paramCount(b.path) || a.path.localeCompare(b.path));
}

/** The operation that serves a request path, with the values of its parameters; or the methods that the path knows. */
export type Match = { kind: "found"; operation: Operation; params: Record<string, string> } | { kind: "wrong-method"; allow: Method[] } | { kind: "none" };

/** `path` is below /api/v1, still percent-encoded. */
export function matchOperation(operations: readonly Operation[], method: string, path: string): Match {
  const fitting = operations.flatMap((operation) => {
    const params = paramsOf(operation.path, path);
    return params ? [{ operation, params }] : [];
  });
  const found = fitting.find(({ operation }) => operation.method === method);
  if (found) return { kind: "found", ...found };
  return fitting.length > 0 ? { kind: "wrong-method", allow: fitting.map(({ operation }) => operation.method) } : { kind: "none" };
}

export function paramNames(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "");
}

function operationOf(name: string, procedure: AnyProcedure): Operation | undefined {
  const definition = procedure._def as unknown as Definition;
  const openapi = definition.meta?.openapi;
  if (!openapi || definition.type === "subscription") return undefined;
  const [input] = definition.inputs;
  if (!(definition.output instanceof z.ZodType)) throw new Error(`${name} has a REST path but no output schema`);
  return {
    name, method: openapi.method, path: openapi.path, tag: openapi.tags?.[0] ?? "other", summary: openapi.summary ?? name, demand: definition.meta?.demand ?? "own",
    type: definition.type, input: input instanceof z.ZodType ? input : null, output: definition.output, procedure,
  };
}

function paramsOf(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const value = decode(given[index] ?? "");
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    if (value === undefined || value === "" && name !== undefined) return undefined;
    if (name !== undefined) params[name] = value;
    else if (part !== value) return undefined;
  }
  return params;
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined; // a damaged percent escape names nothing that exists
  }
}

function paramCount(path: string): number {
  return paramNames(path).length;
}

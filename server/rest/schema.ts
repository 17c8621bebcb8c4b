/** JSON Schema of inputs and outputs, by zod's own writer. */
import { z } from "zod";

export type JsonSchema = { type?: string | string[]; properties?: Record<string, JsonSchema>; required?: string[]; anyOf?: JsonSchema[]; items?: JsonSchema; enum?: unknown[]; default?: unknown; description?: string; [key: string]: unknown };

/** What a caller may send. */
export function inputSchema(schema: z.ZodType): JsonSchema {
  return write(schema, "input");
}

/** What the console answers. */
export function outputSchema(schema: z.ZodType): JsonSchema {
  return write(schema, "output");
}

function write(schema: z.ZodType, io: "input" | "output"): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any", target: "draft-2020-12" }) as JsonSchema;
  return rest;
}

/** The OpenAPI 3.1 document of /api/v1, from the same operations that serve it. */
import { consoleErrors, consoleErrorCodes } from "../../contract/error-codes.ts";
import { inputSchema, type JsonSchema, outputSchema } from "./schema.ts";
import { type Operation, paramNames } from "./operations.ts";

const roleFor = { read: "any role", operate: "operator and above", administer: "administrator and above", own: "owner" } as const satisfies Record<Operation["demand"], string>;

/** `serverUrl` is the address of the REST door, such as https://console.example/api/v1. */
export function openApiDocument(operations: readonly Operation[], serverUrl: string): JsonSchema {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) (paths[operation.path] ??= {})[operation.method.toLowerCase()] = describe(operation);
  return {
    openapi: "3.1.0",
    info: { title: "Sallyport console", version: "1", description: "Everything the console can do. Authenticate with an API key: `Authorization: Bearer spk_…`. Errors are `{ error: { code, message, fields, requestId } }`; branch on the code.", license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    servers: [{ url: serverUrl }],
    security: [{ apiKey: [] }],
    tags: [...new Set(operations.map((operation) => operation.tag))].sort().map((name) => ({ name })),
    paths,
    components: { securitySchemes: { apiKey: { type: "http", scheme: "bearer", bearerFormat: "spk_…" } }, schemas: { Error: errorSchema } },
  };
}

const errorSchema: JsonSchema = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["code", "message", "fields", "requestId"],
      properties: {
        code: { type: "string", enum: [...consoleErrorCodes] },
        message: { type: "string" },
        fields: { type: "array", items: { type: "object", required: ["path", "message"], properties: { path: { type: "string" }, message: { type: "string" } } } },
        requestId: { type: "string" },
      },
    },
  },
};

const errorStatuses = [...new Set(Object.values(consoleErrors).map(({ status }) => status))].sort();

function describe(operation: Operation): Record<string, unknown> {
  const schema = operation.input ? inputSchema(operation.input) : {};
  const inPath = paramNames(operation.path);
  const takesBody = operation.method !== "GET" && operation.method !== "DELETE";
  const body = takesBody ? bodyOf(schema, inPath) : undefined;
  return {
    operationId: operation.name,
    tags: [operation.tag],
    summary: operation.summary,
    description: `Role: ${roleFor[operation.demand]}.`,
    parameters: [...inPath.map((name) => parameter(name, "path", schema)), ...(takesBody ? [] : Object.keys(schema.properties ?? {}).filter((name) => !inPath.includes(name)).map((name) => parameter(name, "query", schema)))],
    ...(body ? { requestBody: { required: true, content: { "application/json": { schema: body } } } } : {}),
    responses: {
      [successStatus(operation)]: { description: "Done", content: { "application/json": { schema: outputSchema(operation.output) } } },
      ...Object.fromEntries(errorStatuses.map((status) => [status, { description: codesOf(status), content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } } }])),
    },
  };
}

/** 201 for what makes an object; 200 for all else. */
export function successStatus(operation: Operation): 200 | 201 {
  return /\.(create|invite|import)$/.test(operation.name) ? 201 : 200;
}

function parameter(name: string, place: "path" | "query", schema: JsonSchema): Record<string, unknown> {
  const property = schema.properties?.[name] ?? { type: "string" };
  return { name, in: place, required: place === "path" || (schema.required ?? []).includes(name), schema: property };
}

function bodyOf(schema: JsonSchema, inPath: readonly string[]): JsonSchema | undefined {
  const properties = Object.fromEntries(Object.entries(schema.properties ?? {}).filter(([name]) => !inPath.includes(name)));
  if (Object.keys(properties).length === 0 && schema.properties !== undefined) return undefined;
  if (schema.type === undefined && schema.properties === undefined) return undefined;
  return { ...schema, properties, required: (schema.required ?? []).filter((name) => !inPath.includes(name)) };
}

function codesOf(status: number): string {
  return consoleErrorCodes.filter((code) => consoleErrors[code].status === status).join(", ");
}

import { expect, it } from "vitest";
import { z } from "zod";
import { byId, removeInput } from "../../contract/list.ts";
import { siteCreate, siteList, siteRows } from "../../contract/objects.ts";
import { idReply } from "../../contract/procedures.ts";
import { administerProcedure, readProcedure, rest, router } from "../trpc/init.ts";
import { readInput } from "./input.ts";
import { openApiDocument } from "./openapi.ts";
import { matchOperation, operationsOf } from "./operations.ts";

const sample = router({
  site: router({
    list: readProcedure.meta(rest("GET", "/sites", "sites", "List sites")).input(siteList).output(siteRows).query(() => ({ rows: [], total: 0 })),
    get: readProcedure.meta(rest("GET", "/sites/{id}", "sites", "Read a site")).input(byId).output(idReply).query(({ input }) => input),
    me: readProcedure.meta(rest("GET", "/sites/me", "sites", "Mine")).output(idReply).query(() => ({ id: "me" })),
    many: readProcedure.meta(rest("GET", "/sites/{id}/many", "sites", "Many")).input(byId.extend({ ids: z.array(z.number()).optional() })).output(idReply).query(({ input }) => input),
    create: administerProcedure.meta(rest("POST", "/sites", "sites", "Create a site")).input(siteCreate).output(idReply).mutation(() => ({ id: "x" })),
    remove: administerProcedure.meta(rest("DELETE", "/sites/{id}", "sites", "Delete a site")).input(removeInput).output(idReply).mutation(({ input }) => input),
    hidden: readProcedure.output(idReply).query(() => ({ id: "x" })),
  }),
});
const operations = operationsOf(sample._def.procedures);
const named = (name: string) => {
  const found = operations.find((operation) => operation.name === name);
  if (!found) throw new Error(name);
  return found;
};

it("matches fixed segments before parameters, and names the methods a path knows", () => {
  expect(matchOperation(operations, "GET", "/sites/me")).toMatchObject({ kind: "found", operation: { name: "site.me" }, params: {} });
  expect(matchOperation(operations, "GET", "/sites/a%2Fb")).toMatchObject({ kind: "found", operation: { name: "site.get" }, params: { id: "a/b" } });
  expect(matchOperation(operations, "PUT", "/sites")).toEqual({ kind: "wrong-method", allow: ["GET", "POST"] });
  for (const path of ["/sites/", "/sites/x/y", "/nothing", "", "/sites/%zz"]) expect(matchOperation(operations, "GET", path), path).toEqual({ kind: "none" });
});

it("reads numbers, booleans and lists from a query, and leaves what does not fit to the schema", () => {
  const read = (name: string, query: string) => readInput(named(name), { params: {}, query: new URLSearchParams(query), body: undefined });
  expect(read("site.list", "page=2&desc=true&search=12&sort=name")).toEqual({ page: 2, desc: true, search: "12", sort: "name" });
  expect(read("site.list", "page=two&desc=yes")).toEqual({ page: "two", desc: "yes" });
  expect(read("site.many", "ids=1&ids=2")).toEqual({ ids: [1, 2] });
  expect(read("site.many", "ids=1")).toEqual({ ids: [1] });
  expect(read("site.list", "toString=1")).toEqual({ toString: "1" });
});

it("lets the path win over the body, and refuses input where none is taken", () => {
  expect(readInput(named("site.remove"), { params: { id: "path" }, query: new URLSearchParams("confirmName=x&id=query"), body: { id: "body" } })).toEqual({ id: "path", confirmName: "x" });
  expect(() => readInput(named("site.me"), { params: {}, query: new URLSearchParams("x=1"), body: undefined })).toThrow(/takes no input/);
  expect(() => readInput(named("site.create"), { params: {}, query: new URLSearchParams(), body: [1] })).toThrow(/JSON object/);
});

it("describes every operation with its parameters, body, answer and error codes", () => {
  const document = openApiDocument(operations, "https://console.example/api/v1") as { paths: Record<string, Record<string, Record<string, unknown>>> };
  expect(Object.keys(document.paths).sort()).toEqual(["/sites", "/sites/me", "/sites/{id}", "/sites/{id}/many"]);
  expect(document.paths["/sites"]?.["post"]).toMatchObject({ operationId: "site.create", description: "Role: administrator and above.", requestBody: { content: { "application/json": { schema: { properties: { name: { type: "string" } }, required: ["name", "kind"] } } } } });
  expect(document.paths["/sites/{id}"]?.["delete"]).toMatchObject({ parameters: [{ name: "id", in: "path", required: true }, { name: "confirmName", in: "query", required: false }] });
  expect(document.paths["/sites/{id}"]?.["delete"]).not.toHaveProperty("requestBody");
});

it("refuses two procedures that claim one path", () => {
  const doubled = router({ a: readProcedure.meta(rest("GET", "/x/{id}", "x", "x")).input(byId).output(idReply).query(({ input }) => input), b: readProcedure.meta(rest("GET", "/x/{other}", "x", "x")).output(idReply).query(() => ({ id: "" })) });
  expect(() => operationsOf(doubled._def.procedures)).toThrow(/both claim GET/);
});

import "../support/with-database.ts";
import { TRPCError } from "@trpc/server";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { consoleErrorCodes, consoleErrors } from "../../contract/error-codes.ts";
import { createDb, db } from "../../server/db.ts";
import { ConsoleError } from "../../server/errors.ts";
import { trpcCodes } from "../../server/trpc/errors.ts";
import { type Context, type ErrorData, readProcedure, router } from "../../server/trpc/init.ts";
import { appRouter } from "../../server/trpc/root.ts";
import { makeOrganisation, type Organisation } from "./support/console.ts";
import { getErrorShape } from "@trpc/server/unstable-core-do-not-import";
import { getHTTPStatusCodeFromError } from "@trpc/server/http";

let org: Organisation;
beforeAll(async () => {
  org = await makeOrganisation();
});

const thrower = router({
  known: readProcedure.input(z.strictObject({ code: z.enum(consoleErrorCodes) })).output(z.void()).query(({ input }) => {
    throw new ConsoleError(input.code);
  }),
  unknown: readProcedure.output(z.void()).query(() => {
    throw new Error("SELECT password FROM secrets failed at /somewhere/file.ts:12");
  }),
});

const contextOf = (): Context => ({ caller: org.callerAs("owner"), requestId: "request-7", source: null });

/** What the browser would receive for this call. */
async function answerOf(call: Promise<unknown>): Promise<{ data: ErrorData; error: TRPCError }> {
  const error: unknown = await call.then(() => undefined, (thrown: unknown) => thrown);
  if (!(error instanceof TRPCError)) throw new Error("expected an error of tRPC", { cause: error });
  const shape = getErrorShape({ config: appRouter._def._config, error, type: "query", path: "x", input: undefined, ctx: contextOf() });
  return { data: shape.data, error };
}

describe("an error answer", () => {
  it("carries code, sentence, status and request id for every code", async () => {
    for (const code of consoleErrorCodes) {
      const { data, error } = await answerOf(thrower.createCaller(contextOf()).known({ code }));
      expect(data).toEqual({ code, message: consoleErrors[code].sentence, fields: [], requestId: "request-7", httpStatus: consoleErrors[code].status });
      expect(error.code).toBe(trpcCodes[code]);
      expect(getHTTPStatusCodeFromError(error)).toBe(consoleErrors[code].status);
    }
  });

  it("names every field that does not fit, with its path and what is expected", async () => {
    const { data } = await answerOf(org.as("owner").server.create({ name: "", kind: "site", names: ["no spaces allowed"], ports: [0] }));
    expect(data.code).toBe("input-invalid");
    expect(data.fields.map((field) => field.path).sort()).toEqual(["name", "names.0", "ports.0"]);
    expect(data.fields.find((field) => field.path === "ports.0")?.message).toContain("1 to 65535");
  });

  it("says nothing of an unforeseen failure but the request id under which the log has it [T40]", async () => {
    const { data } = await answerOf(thrower.createCaller(contextOf()).unknown());
    expect(data).toMatchObject({ code: "internal", requestId: "request-7" });
    expect(JSON.stringify(data)).not.toMatch(/password|file\.ts/);
  });

  it("says that the database is away, instead of failing somehow [T36]", async () => {
    const away = createDb("postgresql://nobody:x@127.0.0.1:1/none");
    const caller = { ...org.callerAs("owner"), db: away };
    const { data } = await answerOf(appRouter.createCaller({ caller, requestId: "r", source: null }).site.list({}));
    expect(data).toMatchObject({ code: "database-unavailable", httpStatus: 503 });
    await away.$disconnect();
    await expect(db().site.count()).resolves.toBeGreaterThan(0);
  });

  it("refuses keys that nobody asked for, also those of prototypes [T32]", async () => {
    const { data } = await answerOf(org.as("owner").site.create(JSON.parse('{"name":"X","kind":"intranet","organisationId":"00000000-0000-0000-0000-000000000000","__proto__":{"role":"owner"}}')));
    expect(data.code).toBe("input-invalid");
  });
});

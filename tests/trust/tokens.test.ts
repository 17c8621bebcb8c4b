/** One-time tokens: what is spent, how often, by whom, and what a crash leaves behind. */
import "../support/with-database.ts";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import path from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parseToken } from "../../contract/enrolment.ts";
import { ConsoleError } from "../../server/errors.ts";
import { enrolAgent } from "../../server/services/agent/enrol.ts";
import type { Caller } from "../../server/services/caller.ts";
import { createToken, hashSecret, type NewToken } from "../../server/services/token/create.ts";
import { guessesMax } from "../../server/services/token/guesses.ts";
import { installation } from "./support/installation.ts";
import { makeKeys, makeRequest } from "./support/request.ts";

let caller: Caller;

beforeAll(async () => {
  caller = await installation();
});

let source: string;
beforeEach(() => {
  source = `192.0.2.${Math.floor(Math.random() * 250)}-${Math.random()}`;
});

async function token(more: Partial<NewToken> = {}): Promise<{ id: string; secret: string; text: string }> {
  const made = await caller.db.$transaction((tx) => createToken(tx, caller, { kind: "agent", expiresAt: new Date(Date.now() + 3_600_000), ...more }));
  const parsed = parseToken(made.text);
  if ("error" in parsed) throw new Error(parsed.error);
  return { id: made.id, text: made.text, secret: parsed.content.secret };
}

function enrol(secret: string, csrPem: string, as: Caller = { ...caller, source }) {
  return enrolAgent(as, { secret, csrPem, hostname: "laptop-7", platform: "linux", version: "1", previousAgentId: null }, { kind: "none" });
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(() => "it succeeded", (caught: unknown) => caught);
  return error instanceof ConsoleError ? error.code : String(error);
}

const certificates = () => caller.db.certificate.count({ where: { purpose: "agent" } });

describe("an enrolment token", () => {
  it("says where to enrol and which CA to expect, and its text is stored nowhere [T40]", async () => {
    const { text, secret, id } = await token();
    const parsed = parseToken(text);
    expect(parsed).toMatchObject({ kind: "agent", content: { host: "localhost", port: 4726, organisationId: caller.organisationId } });
    const row = await caller.db.enrolmentToken.findUniqueOrThrow({ where: { id } });
    expect(row.secretHash).toBe(hashSecret(secret));
    expect(JSON.stringify(row)).not.toContain(secret);
  });

  it("leads to exactly one certificate when 50 callers race with it, each with a key of its own [T19]", async () => {
    const { secret, id } = await token();
    const before = await certificates();
    const requests = await Promise.all(Array.from({ length: 50 }, () => makeRequest()));
    const results = await Promise.allSettled(requests.map((csrPem, index) => enrol(secret, csrPem, { ...caller, source: `racer-${index}` })));
    expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(1);
    const refusals = results.flatMap((result) => (result.status === "rejected" ? [result.reason instanceof ConsoleError ? result.reason.code : String(result.reason)] : []));
    expect(new Set(refusals)).toEqual(new Set(["token-refused"]));
    expect(await certificates()).toBe(before + 1);
    expect(await caller.db.enrolmentToken.findUniqueOrThrow({ where: { id } })).toMatchObject({ uses: 1 });
  });

  it("leads to one certificate when 20 callers race with it and the same key: all get the same answer [T19]", async () => {
    const { secret, id } = await token();
    const csrPem = await makeRequest();
    const before = await certificates();
    const replies = await Promise.all(Array.from({ length: 20 }, () => enrol(secret, csrPem)));
    expect(new Set(replies.map((reply) => reply.certificateChainPem)).size).toBe(1);
    expect(await certificates()).toBe(before + 1);
    expect(await caller.db.enrolmentToken.findUniqueOrThrow({ where: { id } })).toMatchObject({ uses: 1 });
  });

  it("gives the same certificate again when the reply was lost, also after it is used up [T19]", async () => {
    const { secret } = await token();
    const keys = await makeKeys();
    const first = await enrol(secret, await makeRequest(keys));
    expect(await enrol(secret, await makeRequest(keys))).toEqual(first);
    expect(await codeOf(enrol(secret, await makeRequest()))).toBe("token-refused");
  });

  it("is spent as often as it says, and no more [T19]", async () => {
    const { secret } = await token({ usesMax: 3 });
    const results = await Promise.allSettled(Array.from({ length: 8 }, async (_, index) => enrol(secret, await makeRequest(), { ...caller, source: `many-${index}` })));
    expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(3);
  });

  it("is refused alike when guessed, expired, revoked, used up, of another kind or of another organisation [T19]", async () => {
    const other = await caller.db.organisation.create({ data: { name: "Other", nameKey: "other", trustDomain: "sallyport.internal" } });
    const expired = await token({ expiresAt: new Date(Date.now() - 1_000) });
    const revoked = await token();
    await caller.db.enrolmentToken.update({ where: { id: revoked.id }, data: { revokedAt: new Date() } });
    const used = await token();
    await enrol(used.secret, await makeRequest());
    const wrongKind = await token({ kind: "gateway" });
    const foreign = await token();
    const cases = [randomBytes(32).toString("base64url"), expired.secret, revoked.secret, used.secret, wrongKind.secret];
    const errors = await Promise.all([
      ...cases.map(async (secret) => enrol(secret, await makeRequest()).catch((error: unknown) => error)),
      enrol(foreign.secret, await makeRequest(), { ...caller, organisationId: other.id, source }).catch((error: unknown) => error),
    ]);
    for (const error of errors) expect(error).toMatchObject({ code: "token-refused", message: (errors[0] as ConsoleError).message });
    await enrol(foreign.secret, await makeRequest()); // untouched by the refusal
  });

  it("is not spent by a request that is refused: the next good one gets the certificate [T19] [T20]", async () => {
    const { secret, id } = await token();
    expect(await codeOf(enrol(secret, await makeRequest(undefined, { isCa: true })))).toBe("csr-refused");
    expect(await codeOf(enrol(secret, "nonsense".repeat(20)))).toBe("csr-refused");
    expect(await caller.db.enrolmentToken.findUniqueOrThrow({ where: { id } })).toMatchObject({ uses: 0 });
    await enrol(secret, await makeRequest());
  });

  it("is rate-limited per source: guessing ends, others go on [T19]", async () => {
    const guesser = { ...caller, source: "203.0.113.77" };
    const csrPem = await makeRequest();
    for (let count = 0; count < guessesMax; count += 1) expect(await codeOf(enrol(randomBytes(32).toString("base64url"), csrPem, guesser))).toBe("token-refused");
    const { secret } = await token();
    expect(await codeOf(enrol(secret, await makeRequest(), guesser))).toBe("rate-limited");
    await enrol(secret, await makeRequest());
  });

  it("is neither spent nor turned into a certificate when the console is killed between the two [T19]", async () => {
    const { secret, id } = await token();
    const csrPem = await makeRequest();
    const before = await certificates();
    const child = spawn(process.execPath, [path.join(import.meta.dirname, "support", "spend-and-wait.ts"), caller.organisationId, secret, csrPem], { stdio: ["ignore", "pipe", "inherit"] });
    const exited = once(child, "exit");
    const [chunk] = (await once(child.stdout, "data")) as [Buffer];
    expect(chunk.toString()).toContain("issued, not committed");
    child.kill("SIGKILL");
    await exited;
    const reply = await enrol(secret, csrPem);
    expect(reply.certificateChainPem).toContain("BEGIN CERTIFICATE");
    expect(await certificates()).toBe(before + 1);
    expect(await caller.db.enrolmentToken.findUniqueOrThrow({ where: { id } })).toMatchObject({ uses: 1 });
    expect(await caller.db.agent.count({ where: { hostname: "half-way" } })).toBe(0);
  });
});

describe("a certificate request", () => {
  it("with a name that is not the applicant's, a wildcard, or another's identity is refused by name [T20]", async () => {
    const { secret } = await token();
    const asks = [
      { type: "dns" as const, value: "console.example.com" },
      { type: "dns" as const, value: "*.example.com" },
      { type: "url" as const, value: `spiffe://sallyport.internal/org/${caller.organisationId}/agent/00000000-0000-4000-8000-000000000009` },
    ];
    for (const name of asks) {
      const error: unknown = await enrol(secret, await makeRequest(undefined, { names: [name] })).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: "csr-refused" });
      expect((error as Error).message).toContain(name.value);
    }
  });

  it("with a key that another identity has already is refused, and the same owner may keep its key [T20]", async () => {
    const keys = await makeKeys();
    const first = await enrol((await token()).secret, await makeRequest(keys));
    expect(await codeOf(enrol((await token()).secret, await makeRequest(keys)))).toBe("key-reused");
    const again = await enrol((await token({ agentId: first.agentId })).secret, await makeRequest(keys));
    expect(again.agentId).toBe(first.agentId);
  });

  it("with one key presented twice at once by two would-be identities makes one of them [T20]", async () => {
    const keys = await makeKeys();
    const [one, two] = await Promise.all([token(), token()]);
    const csrPem = await makeRequest(keys);
    const results = await Promise.allSettled([enrol(one.secret, csrPem), enrol(two.secret, csrPem)]);
    expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(1);
  });
});

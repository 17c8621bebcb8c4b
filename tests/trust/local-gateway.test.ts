/** The gateway of `npm start`: made once, with a token while it needs one. */
import "../support/with-database.ts";
import fs from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parseToken } from "../../contract/enrolment.ts";
import type { Caller } from "../../server/services/caller.ts";
import { enrolGateway } from "../../server/services/gateway/enrol.ts";
import { bootstrap } from "../../server/services/organisation/bootstrap.ts";
import { dataDirectory, installation } from "./support/installation.ts";
import { makeRequest } from "./support/request.ts";

process.env["SALLYPORT_LOCAL_GATEWAY"] = "1";
const file = path.join(dataDirectory, "local-gateway.token");
let caller: Caller;

beforeAll(async () => {
  caller = await installation();
});

function secretInFile(): string {
  const parsed = parseToken(fs.readFileSync(file, "utf8"));
  if ("error" in parsed) throw new Error(parsed.error);
  expect(parsed).toMatchObject({ kind: "gateway", content: { host: "localhost", port: 4730 } });
  return parsed.content.secret;
}

const enrol = async (secret: string, csrPem?: string) => enrolGateway({ db: caller.db, source: null, requestId: "test" }, { secret, csrPem: csrPem ?? (await makeRequest()), version: "1", hostname: "here" });

describe("the local gateway", () => {
  it("is made with a listener and the management server, and a start before it enrols replaces its token [T19]", async () => {
    const gateway = await caller.db.gateway.findFirstOrThrow({ include: { listeners: true, servers: { include: { server: true } } } });
    expect(gateway).toMatchObject({ name: "Local gateway", publicNames: ["localhost"], publicPort: 4433, listeners: [{ address: "::", port: 4433 }], servers: [{ server: { isAgentSite: true } }] });
    const first = secretInFile();
    await bootstrap(caller.db);
    const second = secretInFile();
    expect(second).not.toBe(first);
    await expect(enrol(first)).rejects.toMatchObject({ code: "token-refused" });
    expect(await caller.db.gateway.count()).toBe(1);
  });

  it("keeps its token after it enrolled, so that a gateway killed before it stored the answer asks again [T19]", async () => {
    const secret = secretInFile();
    const csrPem = await makeRequest();
    const reply = await enrol(secret, csrPem);
    await bootstrap(caller.db);
    expect(secretInFile()).toBe(secret);
    expect(await enrol(secret, csrPem)).toEqual(reply);
  });

  it("gets a new token when its state was deleted, and none while it has it", async () => {
    fs.rmSync(file);
    fs.mkdirSync(path.join(dataDirectory, "gateway"));
    await bootstrap(caller.db);
    expect(fs.existsSync(file)).toBe(false);
    fs.rmSync(path.join(dataDirectory, "gateway"), { recursive: true });
    await bootstrap(caller.db);
    await enrol(secretInFile());
  });
});

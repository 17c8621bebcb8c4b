/** An installation's agent site with its database. Import it first in a test file. */
import "../../support/with-database.ts";
import { afterAll } from "vitest";
import { type AgentSite, startAgentSite } from "../../../server/agent-site/main.ts";
import { db } from "../../../server/db.ts";
import { type Caller, systemCaller } from "../../../server/services/caller.ts";
import { bootstrap } from "../../../server/services/organisation/bootstrap.ts";
import { createToken } from "../../../server/services/token/create.ts";
import { freePort } from "../../support/sockets.ts";
import { agentCommand, agentReaches, type RunningAgent, type RuntimeName, startAgent, temporaryDir } from "./process.ts";

export * from "./process.ts";

export type TestSite = { port: number; organisationId: string; caller: Caller; site: AgentSite };

/** Bootstraps an organisation and starts its agent site on a free port, which is also the one that tokens and policies name. */
export async function startSite(): Promise<TestSite> {
  const data = temporaryDir();
  process.env["SALLYPORT_DATA"] = data;
  const port = await freePort();
  process.env["SALLYPORT_AGENT_SITE_PORT"] = String(port);
  const { organisationId } = await bootstrap(db());
  const site = await startAgentSite({ host: "127.0.0.1", port });
  afterAll(async () => {
    await site.close();
    await db().$disconnect();
  });
  return { port, organisationId, caller: systemCaller(organisationId, "test"), site };
}

export async function agentToken(site: Pick<TestSite, "caller">, extra: { agentId?: string; groupIds?: string[]; usesMax?: number; expiresAt?: Date } = {}): Promise<string> {
  const { expiresAt = new Date(Date.now() + 3_600_000), ...rest } = extra;
  const { text } = await db().$transaction((tx) => createToken(tx, site.caller, { kind: "agent", expiresAt, ...rest }));
  return text;
}

/** Enrols with a token of these groups and runs; resolves once it is fully connected. */
export async function enrolledAgent(site: Pick<TestSite, "caller">, runtime: RuntimeName, groupIds: string[]): Promise<RunningAgent> {
  const state = temporaryDir();
  const enrolled = await agentCommand(runtime, ["enrol", "--token-file", "-", "--state", state], { input: await agentToken(site, { groupIds }) });
  if (enrolled.code !== 0) throw new Error(`could not enrol: ${enrolled.stdout}${enrolled.stderr}`);
  const agent = startAgent(runtime, state);
  await agentReaches(agent, (status) => status.step === "fully-connected", "fully connected", 20_000);
  return agent;
}

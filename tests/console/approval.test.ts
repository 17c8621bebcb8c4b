/** First contact that needs a person (S4-34): what an agent gets before and after. Real PostgreSQL, real certificates. */
import "../support/with-database.ts";
import { beforeAll, describe, expect, it } from "vitest";
import { parseToken } from "../../contract/enrolment.ts";
import { db } from "../../server/db.ts";
import { readAccessPage } from "../../server/services/access/read-page.ts";
import { enrolAgent } from "../../server/services/agent/enrol.ts";
import { policyForAgent } from "../../server/services/agent/policy-for.ts";
import { makeRequest } from "../trust/support/request.ts";
import { expectRefusal, makeGroup, makeOrganisation, makePolicy, type Organisation } from "./support/console.ts";

let org: Organisation;
let group: string;
beforeAll(async () => {
  org = await makeOrganisation();
  group = await makeGroup(org);
  await makePolicy(org, [group]);
  await org.as("administrator").reachRule.create({ name: "ssh", groupIds: [group], services: [{ name: "ssh", port: 22 }], who: { roles: ["operator"] } });
});

async function enrol(hostname: string, more: object = {}): Promise<string> {
  const { token } = await org.as("operator").agent.createToken({ groupIds: [group], ...more });
  const parsed = parseToken(token);
  if ("error" in parsed) throw new Error(parsed.error);
  return (await enrolAgent(org.callerAs("auditor"), { secret: parsed.content.secret, csrPem: await makeRequest(), hostname, platform: "linux-x64", version: "0.1.0", previousAgentId: null }, { kind: "none" })).agentId;
}

const statusOf = async (id: string) => (await readAccessPage(db(), org.id, 0))?.entries.find((entry) => entry.id === id)?.status;
const policyOf = async (id: string, etag: string | null = null) => { const answer = await policyForAgent(db(), org.id, id, etag); return answer.kind === "policy" ? { ...answer.policy, etag: answer.etag } : null; };

describe("an organisation that approves its agents", () => {
  it("lets a new agent do no more than enrol until a person approves it; the decision is audited with the fingerprint [S4-34]", async () => {
    await org.as("administrator").organisation.update({ name: org.name, approvesAgents: true });
    const id = await enrol("newcomer");
    expect(await org.as("auditor").agent.get({ id })).toMatchObject({ state: "unapproved", approval: { isNeeded: true, approvedAt: null } });
    expect(await statusOf(id)).toBe("waiting");
    const waiting = await policyOf(id);
    expect(waiting).toMatchObject({ gateways: [], hasChannel: false, reach: { services: [] }, isCloudEnabled: false });
    await expectRefusal(org.as("operator").reachSession.open({ agent: id, port: 22 }), "agent-name-unclear");
    expect((await org.as("auditor").agent.list({ state: "unapproved" })).rows.map((row) => row.id)).toEqual([id]);

    await expectRefusal(org.as("auditor").agent.approve({ id }), "not-allowed");
    await org.as("operator").agent.approve({ id });
    expect(await org.as("auditor").agent.get({ id })).toMatchObject({ approval: { isNeeded: false, approvedBy: "Test operator" } });
    expect(await statusOf(id)).toBe("active");
    expect(await policyOf(id, waiting?.etag ?? null)).toMatchObject({ gateways: [{ pins: [expect.any(String)] }], hasChannel: true, reach: { services: [{ port: 22 }] } });
    const events = await db().auditEvent.findMany({ where: { organisationId: org.id, action: "agent.approve", targetId: id } });
    const { certificates } = await org.as("auditor").agent.get({ id });
    expect(JSON.stringify(events[0]?.changes)).toContain(certificates[0]?.fingerprint);
  });

  it("does not ask again for an agent that it knows, nor for any once it stopped approving", async () => {
    const id = await enrol("known");
    await org.as("operator").agent.approve({ id });
    expect(await enrol("known", { groupIds: [], agentId: id })).toBe(id);
    expect(await statusOf(id)).toBe("active");
    await org.as("administrator").organisation.update({ name: org.name, approvesAgents: false });
    expect(await statusOf(await enrol("free"))).toBe("active");
  });
});

describe("an agent of a bundle that names a relay", () => {
  it("keeps that relay in its policy: it is its only way [S4-15] [S4-21]", async () => {
    const { id: bundleId } = await org.as("operator").bundle.create({ name: "Zone A", groupIds: [group], relay: { host: "relay.corp.example" } });
    const id = await enrol("behind");
    await db().agent.update({ where: { id }, data: { bundleId, relayAddress: "[fd00::7]:2102" } });
    expect((await policyOf(id))?.relay).toEqual({ host: "relay.corp.example", port: 2002 });
    await org.as("operator").bundle.remove({ id: bundleId, confirmName: "Zone A" });
    await db().agent.update({ where: { id }, data: { bundleId } });
    expect((await policyOf(id))?.relay).toEqual({ host: "fd00:0:0:0:0:0:0:7", port: 2102 });
  });
});

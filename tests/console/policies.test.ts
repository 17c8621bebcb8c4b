import "../support/with-database.ts";
import { beforeAll, describe, expect, it } from "vitest";
import { db } from "../../server/db.ts";
import { expectRefusal, makeAgent, makeGateway, makeGroup, makeOrganisation, makePolicy, type Organisation, pin } from "./support/console.ts";

let org: Organisation;
beforeAll(async () => {
  org = await makeOrganisation();
});

describe("policies", () => {
  it("holds several gateways in order, each with FQDN, port 443 unless changed, and pins [S1-50] [S1-52] [S1-53] [S1-54]", async () => {
    const [first, second] = [await makeGateway(org), await makeGateway(org)];
    const pasted = pin();
    const { id } = await org.as("administrator").policy.create({
      name: "Field staff",
      gateways: [{ gatewayId: second, fqdn: "GW2.example.com.", pins: [pasted.toUpperCase().replace(/(..)(?=.)/g, "$1:")] }, { gatewayId: first, fqdn: "gw1.example.com", port: 8443, pins: [pin()] }],
    });
    const policy = await org.as("auditor").policy.get({ id });
    expect(policy.gateways.map((gateway) => `${gateway.fqdn}:${gateway.port}`)).toEqual(["gw2.example.com:443", "gw1.example.com:8443"]);
    expect(policy.gateways[0]?.pins).toEqual([pasted]);
    expect(policy.isEnabled).toBe(true);
  });

  it("refuses a name that is not fully qualified, a port out of range, a SHA-1 thumbprint as pin and a missing pin, each at its path [S1-51] [S1-53]", async () => {
    const gatewayId = await makeGateway(org);
    const attempt = (entry: object) => org.as("administrator").policy.create({ name: "Bad", gateways: [{ gatewayId, fqdn: "gw.example.com", pins: [pin()], ...entry }] });
    expect((await expectRefusal(attempt({ fqdn: "gateway" }), "input-invalid")).fields[0]).toMatchObject({ path: "gateways.0.fqdn" });
    expect((await expectRefusal(attempt({ port: 70_000 }), "input-invalid")).fields[0]).toMatchObject({ path: "gateways.0.port" });
    expect((await expectRefusal(attempt({ pins: ["a".repeat(40)] }), "input-invalid")).fields[0]?.message).toContain("SHA-1");
    expect((await expectRefusal(attempt({ pins: [] }), "input-invalid")).fields[0]).toMatchObject({ path: "gateways.0.pins" });
  });

  it("refuses a policy with both a proxy and a gateway for requests when it is saved; a proxy for the persistent channel may stand before a gateway [S0-27] [S0-30] [S0-32]", async () => {
    const gatewayId = await makeGateway(org);
    const proxy = { host: "proxy.example.com", port: 3128 };
    const gateways = [{ gatewayId, fqdn: "both.example.com", pins: [pin()] }];
    await expectRefusal(org.as("administrator").policy.create({ name: "Both", gateways, requestProxy: proxy }), "policy-proxy-and-gateway");
    const { id } = await org.as("administrator").policy.create({ name: "Channel", gateways, channelProxy: proxy });
    await expectRefusal(org.as("administrator").policy.update({ id, version: 0, name: "Channel", gateways, requestProxy: proxy }), "policy-proxy-and-gateway");
    const direct = await org.as("administrator").policy.create({ name: "Direct only", requestProxy: proxy });
    expect((await org.as("auditor").policy.get(direct)).requestProxy).toEqual(proxy);
  });

  it("counts an agent once however many of its groups are targeted [S1-55]", async () => {
    const agents = [await makeAgent(org), await makeAgent(org), await makeAgent(org)];
    const id = await makePolicy(org, [await makeGroup(org, agents), await makeGroup(org, agents.slice(0, 2))]);
    expect(await org.as("auditor").policy.get({ id })).toMatchObject({ agentCount: 3, groupCount: 2 });
    const { rows } = await org.as("auditor").policy.list({ sort: "agentCount", desc: true });
    expect(rows[0]?.id).toBe(id);
  });

  it("says before saving who gains and who loses access [S1-55] [S1-56]", async () => {
    const [kept, lost, gained] = [await makeAgent(org, { hostname: "kept" }), await makeAgent(org, { hostname: "lost" }), await makeAgent(org, { hostname: "gained" })];
    const before = await makeGroup(org, [kept, lost]);
    const after = await makeGroup(org, [kept, gained]);
    const id = await makePolicy(org, [before]);
    const policy = await org.as("auditor").policy.get({ id });
    const gateways = policy.gateways.map(({ gatewayId, fqdn, port, pins }) => ({ gatewayId, fqdn, port, pins }));
    const preview = await org.as("auditor").policy.preview({ id, name: policy.name, gateways, groupIds: [after] });
    expect(preview).toMatchObject({ gain: 1, lose: 1, loseSample: [{ id: lost, name: "lost" }] });
    expect(preview.lines.join(" ")).toContain("lost");
    expect((await org.as("auditor").policy.get({ id })).groups.map((group) => group.id)).toEqual([before]);
  });

  it("asks for the name before switching off what agents depend on, and not when another policy still covers them [S1-60]", async () => {
    const group = await makeGroup(org, [await makeAgent(org), await makeAgent(org)]);
    const id = await makePolicy(org, [group], { name: "Only way" });
    expect(await org.as("auditor").policy.impact({ id })).toMatchObject({ agentsAffected: 2, needsConfirmation: true });
    const error = await expectRefusal(org.as("administrator").policy.setEnabled({ id, isEnabled: false, version: 0 }), "confirmation-missing");
    expect(error.message).toContain("2 agents");
    await org.as("administrator").policy.setEnabled({ id, isEnabled: false, version: 0, confirmName: "Only way" });
    expect((await org.as("auditor").policy.get({ id })).isEnabled).toBe(false);
    await org.as("administrator").policy.setEnabled({ id, isEnabled: true, version: 1 });
    await makePolicy(org, [group]);
    await org.as("administrator").policy.setEnabled({ id, isEnabled: false, version: 2 });
  });

  it("asks for the name before an edit switches a policy off, or a deletion removes it [S1-60]", async () => {
    const id = await makePolicy(org, [await makeGroup(org, [await makeAgent(org)])], { name: "Edited" });
    const policy = await org.as("auditor").policy.get({ id });
    const edit = { id, version: policy.version, name: policy.name, isEnabled: false, gateways: policy.gateways.map(({ gatewayId, fqdn, port, pins }) => ({ gatewayId, fqdn, port, pins })), groupIds: policy.groups.map((group) => group.id) };
    await expectRefusal(org.as("administrator").policy.update(edit), "confirmation-missing");
    await expectRefusal(org.as("administrator").policy.remove({ id }), "confirmation-missing");
    await org.as("administrator").policy.update({ ...edit, confirmName: "Edited" });
    await org.as("administrator").policy.remove({ id });
  });

  it("gives every gateway a new revision and every agent a new policy revision with each change [S1-55]", async () => {
    const revisions = async () => ({ policy: (await db().organisation.findUniqueOrThrow({ where: { id: org.id } })).policyRevision, gateways: (await db().gateway.aggregate({ where: { organisationId: org.id }, _min: { revision: true } }))._min.revision ?? 0 });
    const before = await revisions();
    const { id } = await org.as("administrator").policy.create({ name: "Revising" });
    await org.as("administrator").policy.setEnabled({ id, isEnabled: false, version: 0 });
    const after = await revisions();
    expect(after.policy).toBe(before.policy + 2);
    expect(after.gateways).toBe(before.gateways + 2);
  });

  it("marks agents outside every enabled policy as not cloud-enabled, and warns about them [S1-56]", async () => {
    const other = await makeOrganisation();
    const covered = await makeAgent(other, { hostname: "covered" });
    await makeAgent(other, { hostname: "left-out" });
    await makePolicy(other, [await makeGroup(other, [covered])]);
    const { rows } = await other.as("auditor").agent.list({});
    expect(rows.map((row) => [row.hostname, row.isCloudEnabled])).toEqual([["covered", true], ["left-out", false]]);
    const { warnings } = await other.as("auditor").overview.view();
    expect(warnings.find((warning) => warning.code === "agent-without-policy")?.sentence).toContain("left-out");
  });

  it("warns of a pin that the gateway does not present", async () => {
    const other = await makeOrganisation();
    const gatewayId = await makeGateway(other, "Drifting");
    await makePolicy(other, [await makeGroup(other)], { gatewayId });
    const certificate = await db().certificate.findFirstOrThrow({ where: { organisationId: other.id, purpose: "root-ca" } });
    await db().gateway.update({ where: { id: gatewayId }, data: { presentedCertificateId: certificate.id } });
    const { warnings } = await other.as("auditor").overview.view();
    expect(warnings.map((warning) => warning.code)).toContain("pin-not-served");
  });
});

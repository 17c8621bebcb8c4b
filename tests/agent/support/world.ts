/** Console, agent site and a real gateway. The agent site listens on 127.0.0.2 (where the gateway dials it); agents find it on the "LAN" at 127.0.0.1, through a switch. */
import "../../support/with-database.ts";
import { afterAll } from "vitest";
import { type AgentSite, startAgentSite } from "../../../server/agent-site/main.ts";
import { db } from "../../../server/db.ts";
import type { Caller } from "../../../server/services/caller.ts";
import { ensureServingCertificate } from "../../../server/services/certificate/serving.ts";
import { bumpGateways, bumpPolicyRevision } from "../../../server/services/change/publish.ts";
import { ControlBench, type Worker } from "../../support/control-bench.ts";
import { freePort, until } from "../../support/sockets.ts";
import { lanSwitch, type Switch } from "./lan.ts";
import type { TestSite } from "./site.ts";

export type TestGateway = { id: string; port: number; insidePort: number; pin: string; worker: Worker };
export type World = TestSite & { bench: ControlBench; lan: Switch; caller: Caller; serverId: string; site: AgentSite; gateway: (options?: { hasInside?: boolean }) => Promise<TestGateway>; policy: (input: PolicyInput) => Promise<{ id: string; groupId: string }> };
export type PolicyInput = { gateways: { gateway: { id: string; port: number }; pins: string[]; fqdn?: string }[]; requestProxy?: { host: string; port: number }; channelProxy?: { host: string; port: number }; isEnabled?: boolean; groupId?: string };

let counter = 0;

/** `siteName`: how agents call the agent site, `localhost` unless given. */
export async function startWorld({ siteName = "localhost" }: { siteName?: string } = {}): Promise<World> {
  const port = await freePort();
  process.env["SALLYPORT_AGENT_SITE_PORT"] = String(port);
  const bench = await ControlBench.start();
  const { organisationId, caller } = bench;
  const server = await db().server.findFirstOrThrow({ where: { organisationId, isAgentSite: true } });
  await db().server.update({ where: { id: server.id }, data: { names: [siteName], ports: [port], addresses: ["127.0.0.2"] } });
  await db().organisation.update({ where: { id: organisationId }, data: { agentSiteNames: [siteName] } });
  await db().$transaction((tx) => ensureServingCertificate(tx, caller, "agent-site"));
  const site = await startAgentSite({ host: "127.0.0.2", port });
  const lan = lanSwitch(port, { host: "127.0.0.2", port });
  await lan.open();
  afterAll(async () => {
    await lan.cut();
    await site.close();
    await bench.close();
  });
  return { port, organisationId, caller, site, bench, lan, serverId: server.id, gateway: (options) => startGateway(bench, server.id, options), policy: (input) => makePolicy(organisationId, input) };
}

/** A gateway that serves the agent site; its pin is what it reported to the console. */
async function startGateway(bench: ControlBench, serverId: string, options: { hasInside?: boolean } = {}): Promise<TestGateway> {
  counter += 1;
  const { id, port, insidePort } = await bench.gateway({ name: `gw-${counter}`, serverIds: [serverId], ...options });
  const worker = bench.worker({ token: await bench.token(id) });
  await worker.serving();
  let pin = "";
  await until(async () => {
    const row = await db().gateway.findUniqueOrThrow({ where: { id }, select: { presentedCertificateId: true } });
    const certificate = row.presentedCertificateId === null ? null : await db().certificate.findUnique({ where: { id: row.presentedCertificateId } });
    pin = certificate?.fingerprint ?? "";
    return pin !== "";
  }, "the gateway reports what it presents", 15_000);
  return { id, port, insidePort, pin, worker };
}

async function makePolicy(organisationId: string, input: PolicyInput): Promise<{ id: string; groupId: string }> {
  counter += 1;
  const name = `Policy ${counter}`;
  return db().$transaction(async (tx) => {
    const groupId = input.groupId ?? (await tx.agentGroup.create({ data: { organisationId, name, nameKey: name.toLowerCase(), kind: "static" } })).id;
    const policy = await tx.policy.create({
      data: {
        organisationId, name, nameKey: name.toLowerCase(), isEnabled: input.isEnabled ?? true,
        ...(input.requestProxy ? { requestProxy: input.requestProxy } : {}), ...(input.channelProxy ? { channelProxy: input.channelProxy } : {}),
        gateways: { create: input.gateways.map(({ gateway, pins, fqdn }, ordinal) => ({ gatewayId: gateway.id, ordinal, fqdn: fqdn ?? "localhost", port: gateway.port, pins })) },
        groups: { create: [{ groupId }] },
      },
    });
    await bumpPolicyRevision(tx, organisationId);
    await bumpGateways(tx, organisationId);
    return { id: policy.id, groupId };
  });
}

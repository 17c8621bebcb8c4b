/** Reverse access in small: the console's control channel and database, real gateways with inside listeners, rules, callers, and agents that echo. */
import { randomBytes, randomUUID } from "node:crypto";
import type { z } from "zod";
import type { reachOpenReply } from "../../contract/reach-objects.ts";
import type { Role } from "../../contract/roles.ts";
import type { Caller } from "../../server/services/caller.ts";
import { type BenchAgent, ControlBench, type Worker } from "../support/control-bench.ts";
import { EchoAgent, type EchoOptions } from "../support/echo-agent.ts";
import { askInside, type InsideAnswer, type InsideAsk } from "../support/inside-client.ts";
import { until } from "../support/sockets.ts";

export type ReachGateway = { id: string; port: number; insidePort: number; worker: Worker };
export const servicePort = 22;

export class ReachBench {
  readonly control: ControlBench;
  readonly caPem: string;
  readonly #agents: EchoAgent[] = [];

  private constructor(control: ControlBench, caPem: string) {
    this.control = control;
    this.caPem = caPem;
  }

  static async start(): Promise<ReachBench> {
    const control = await ControlBench.start();
    const { trustAnchors } = await import("../../server/services/certificate/authority.ts");
    return new ReachBench(control, (await trustAnchors(control.db, control.organisationId)).caPem);
  }

  /** Gateways that serve and know each other as peers. */
  async gateways(count: number, environment: Record<string, string> = {}): Promise<ReachGateway[]> {
    const rows = [];
    for (let index = 0; index < count; index += 1) rows.push(await this.control.gateway({ name: `reach ${index}`, hasInside: true }));
    const gateways = await Promise.all(rows.map(async (row) => ({ ...row, worker: this.control.worker({ token: await this.control.token(row.id), environment }) })));
    await Promise.all(gateways.map(async ({ worker }) => await worker.serving()));
    return gateways;
  }

  /** An agent whose policy names all gateways, and a rule that opens its port 22 to callers of this role. */
  async agent(gateways: readonly ReachGateway[], rule: { roles?: Role[]; needsApproval?: boolean } = {}): Promise<BenchAgent> {
    const { createReachRule } = await import("../../server/services/reach-rule/create.ts");
    const { reachRuleCreate } = await import("../../contract/reach-objects.ts");
    const [first, ...others] = gateways;
    if (!first) throw new Error("an agent needs a gateway");
    const agent = await this.control.agent(first);
    const policy = await this.control.db.policy.findFirstOrThrow({ where: { groups: { some: { groupId: agent.groupId } } }, select: { id: true } });
    await this.control.db.policyGateway.createMany({ data: others.map((gateway, index) => ({ policyId: policy.id, gatewayId: gateway.id, ordinal: index + 1, fqdn: "localhost", port: gateway.port, pins: [] })) });
    await createReachRule(this.control.caller, reachRuleCreate.parse({
      name: `rule ${randomBytes(4).toString("hex")}`, groupIds: [agent.groupId], services: [{ name: "ssh", port: servicePort }], who: { roles: rule.roles ?? ["operator"] }, approval: rule.needsApproval ? { roles: ["administrator"] } : null,
    }));
    for (const gateway of gateways) await this.control.bump(gateway.id);
    return agent;
  }

  /** The agent opens its channel; resolves when the console knows where it is. */
  async channel(gateway: { id: string; port: number }, agent: BenchAgent, options: Partial<EchoOptions> = {}): Promise<EchoAgent> {
    let echo: EchoAgent | undefined;
    await until(async () => {
      echo = await EchoAgent.connect(gateway, { ...agent, ...options }).catch(() => undefined);
      return echo !== undefined;
    }, "the gateway takes the agent's channel", 10_000);
    if (!echo) throw new Error("no channel");
    this.#agents.push(echo);
    const { channelId } = echo;
    await until(async () => (await this.control.db.agentChannel.count({ where: { channelId, gatewayId: gateway.id, endedAt: null } })) === 1, "the console knows the channel", 5_000);
    return echo;
  }

  /** A person with a role in an organisation. */
  person(role: Role, organisationId = this.control.organisationId): Caller {
    const id = randomUUID();
    return { actor: { kind: "user", id, name: `${role} ${id.slice(0, 4)}` }, organisationId, role, requestId: "test", source: "192.0.2.1", db: this.control.db };
  }

  async open(caller: Caller, agentId: string, port = servicePort): Promise<z.infer<typeof reachOpenReply>> {
    const { openReachSession } = await import("../../server/services/reach-session/open.ts");
    return await openReachSession(caller, { agent: agentId, port });
  }

  async apiKey(role: Role = "operator"): Promise<{ id: string; key: string }> {
    const { createApiKey } = await import("../../server/services/api-key/create.ts");
    return await createApiKey(this.control.caller, { name: `key ${randomBytes(4).toString("hex")}`, role, daysValid: 1 });
  }

  async ask(gateway: ReachGateway, ask: Omit<InsideAsk, "port" | "caPem">): Promise<InsideAnswer> {
    return await askInside({ port: gateway.insidePort, caPem: this.caPem, ...ask });
  }

  async session(id: string, condition: (row: { state: string; endReason: string | null; bytesUp: bigint; bytesDown: bigint; gatewayId: string | null; channelGatewayId: string | null }) => boolean, what: string, timeoutMs = 5_000): Promise<{ endReason: string | null; gatewayId: string | null; channelGatewayId: string | null }> {
    const find = async () => await this.control.db.reachSession.findUniqueOrThrow({ where: { id } });
    let row = await find();
    await until(async () => condition((row = await find())), what, timeoutMs).catch((error: unknown) => {
      throw new Error(`${String(error)}: ${JSON.stringify(row, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value))}`);
    });
    return row;
  }

  async audits(action: string, agentId: string): Promise<string[]> {
    const rows = await this.control.db.auditEvent.findMany({ where: { organisationId: this.control.organisationId, action, targetId: agentId }, select: { changes: true } });
    return rows.map((row) => JSON.stringify(row.changes));
  }

  async close(): Promise<void> {
    for (const agent of this.#agents) agent.cut();
    await this.control.close();
  }
}

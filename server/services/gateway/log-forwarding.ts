/** Whether a gateway's log lines reach the console, in one sentence. The gateway's own identity is its service account for that: no password is asked for or kept (S1-46, S1-47, S1-48). */
import type { z } from "zod";
import type { gatewayDetail } from "../../../contract/objects.ts";
import type { GatewayState } from "../../../contract/states.ts";
import type { Caller } from "../caller.ts";

type LogForwarding = z.infer<typeof gatewayDetail>["logForwarding"];

export async function logForwardingOf(caller: Caller, gateway: { id: string; state: GatewayState; forwardLogs: boolean }): Promise<LogForwarding> {
  const off = (detail: string): LogForwarding => ({ isOn: false, detail: `off: ${detail}` });
  if (!gateway.forwardLogs) return off("switched off in the gateway's settings; its log stays on its own machine");
  if (gateway.state === "waiting") return off("it has no identity yet; enrolling gives it one");
  if (gateway.state !== "disconnected") return { isOn: true, detail: "on, with the gateway's own identity" };
  const identities = await caller.db.certificate.count({ where: { organisationId: caller.organisationId, gatewayId: gateway.id, purpose: "gateway-control", isCurrent: true, revokedAt: null, notAfter: { gt: new Date() } } });
  return off(identities === 0 ? "its identity was revoked or has expired; enrol it again" : "no control connection; its warnings and errors wait on its machine until there is one");
}

"use client";
/** The named states of the domain as people see them: word, colour and icon in one place. */
import { Clock, Prohibit } from "@phosphor-icons/react";
import type { AgentPath, AgentState, GatewayState } from "@/contract/states.ts";
import { State, type Tone } from "@/app/_ui/state.tsx";

export const agentTone = { pending: "working", unapproved: "working", online: "ok", late: "warn", offline: "idle", revoked: "fault" } as const satisfies Record<AgentState, Tone>;
export const agentWord = { pending: "Pending", unapproved: "Waits for approval", online: "Online", late: "Late", offline: "Offline", revoked: "Revoked" } as const satisfies Record<AgentState, string>;

export function AgentStateLabel({ state }: { state: AgentState }) {
  return (
    <State tone={agentTone[state]} {...(state === "revoked" ? { icon: Prohibit } : state === "late" ? { icon: Clock } : {})}>
      {agentWord[state]}
    </State>
  );
}

export const gatewayTone = { waiting: "working", connected: "ok", "refused-snapshot": "warn", draining: "warn", disconnected: "fault" } as const satisfies Record<GatewayState, Tone>;
export const gatewayWord = { waiting: "Waiting to enrol", connected: "Connected", "refused-snapshot": "Refused a revision", draining: "Draining", disconnected: "Disconnected" } as const satisfies Record<GatewayState, string>;

export function GatewayStateLabel({ state }: { state: GatewayState }) {
  return <State tone={gatewayTone[state]}>{gatewayWord[state]}</State>;
}

const certificateTone = { valid: "ok", expiring: "warn", expired: "fault", revoked: "fault" } as const satisfies Record<string, Tone>;
const certificateWord = { valid: "Valid", expiring: "Expires soon", expired: "Expired", revoked: "Revoked" } as const;

export function CertificateStateLabel({ state }: { state: keyof typeof certificateTone }) {
  return <State tone={certificateTone[state]}>{certificateWord[state]}</State>;
}

const bundleTone = { active: "ok", "used-up": "idle", expired: "warn", revoked: "fault" } as const satisfies Record<string, Tone>;
export const bundleWord = { active: "Active", "used-up": "Used up", expired: "Expired", revoked: "Revoked" } as const;

export function BundleStateLabel({ state }: { state: keyof typeof bundleTone }) {
  return <State tone={bundleTone[state]}>{bundleWord[state]}</State>;
}

export function ReadyLabel({ readiness }: { readiness: { isReady: boolean; checkedAt: string | null } }) {
  if (readiness.checkedAt === null) return <State tone="idle">Not checked</State>;
  return readiness.isReady ? <State tone="ok">Ready</State> : <State tone="fault">Not ready</State>;
}

export function EnabledLabel({ isEnabled }: { isEnabled: boolean }) {
  return isEnabled ? <State tone="ok">Enabled</State> : <State tone="idle">Disabled</State>;
}

/** "LAN", "gateway gw-berlin". */
export function pathText(path: AgentPath): string {
  switch (path.kind) {
    case "lan":
      return "LAN";
    case "proxy":
      return `proxy ${path.address}`;
    case "gateway":
      return `gateway ${path.name}`;
    case "none":
      return "none";
  }
}

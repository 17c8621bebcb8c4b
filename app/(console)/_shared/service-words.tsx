"use client";
/** Virtual services and pools in words: modes, scheduling, persistence and states, each with its consequence, in one place. */
import { ArrowBendDownRight, Pause, Prohibit } from "@phosphor-icons/react";
import type { MemberHealthState } from "@/contract/health-check.ts";
import type { Persistence } from "@/contract/persistence.ts";
import type { MemberState, Scheduling } from "@/contract/pool.ts";
import type { ServiceMode } from "@/contract/virtual-service.ts";
import { State, type Tone } from "@/app/_ui/state.tsx";

export const modeWords = {
  tcp: { label: "TCP", alias: "no TLS", text: "Bytes go to a member as they come. The gateway looks for no TLS and no server name, so the service has its address and port alone." },
  "tls-passthrough": { label: "TLS pass-through", alias: "SSL tunnelling", text: "The gateway reads the server name of the handshake and passes TLS on byte for byte. It presents no certificate: every member's own must carry the names that clients use. Nothing inside can be read, so cookie persistence is not possible." },
  "tls-offload": { label: "TLS off-load", alias: "SSL off-loading, SSL acceleration", text: "TLS ends at the gateway, with a certificate of yours; members get plain bytes. Whoever can read the network between gateway and members can read everything." },
  "tls-reencrypt": { label: "TLS re-encrypt", alias: "SSL bridging, reverse SSL", text: "TLS ends at the gateway, with a certificate of yours, and a second TLS session goes to the member, whose certificate is verified. One switch: no second service is needed for the members." },
} as const satisfies Record<ServiceMode, { label: string; alias: string; text: string }>;

export const schedulingWords = {
  failover: { label: "Fail-over", text: "All new sessions go to the first member; another takes over only while the first is down. Preferred: one server carries the whole load, and replicas never disagree." },
  "first-alive": { label: "Ordered list (first alive)", text: "Always the first member of the list that is up, then the second, and so on." },
  "weighted-round-robin": { label: "Weighted round robin (ratio)", text: "New sessions are spread by weight: weight 10 gets ten times as many as weight 1." },
  "least-connections": { label: "Least connections", text: "The member with the fewest connections for its weight gets the next one." },
  "source-hash": { label: "Source hash", text: "The client's address decides. Removing one of N members moves about 1/N of the clients." },
  "round-robin": { label: "Round robin", text: "Each in turn, all alike. The default of most balancers, and wrong for servers that hold sessions." },
} as const satisfies Record<Scheduling, { label: string; text: string }>;

export const persistenceWords = {
  none: { label: "None", text: "Each connection is scheduled anew." },
  "cookie-insert": { label: "Cookie, inserted", text: "A sealed cookie of the gateway's own beside the application's. It tells nothing about the members, and a forged one is ignored." },
  "cookie-prefix": { label: "Cookie, prefixed to the application's", text: "The member is sealed into a cookie that the application sets anyway: no second Set-Cookie, for clients that expect exactly one." },
  "cookie-follow": { label: "Cookie, followed", text: "The value that the application gives a cookie is remembered; nothing is added. For PGP Encryption Server 10.5.1 and later: ovidCookie." },
  "source-address": { label: "Source address", text: "Clients of one address stay on one member until they have been silent for a while. Clients behind one NAT count as one." },
  duration: { label: "Duration", text: "A client stays for a set time and does not move for any other reason." },
} as const satisfies Record<Persistence["kind"], { label: string; text: string }>;

export const checkWords = {
  none: { label: "No check", text: "A member counts as up until connections to it fail." },
  tcp: { label: "TCP", text: "The port accepts a connection. It says nothing about what answers there." },
  tls: { label: "TLS", text: "A TLS handshake passes, and the certificate is verified: chain, name and days left." },
  http: { label: "HTTP", text: "A request is answered with a status in the range you give, and with the text you expect." },
  smtp: { label: "SMTP", text: "Greeting 220 and EHLO, STARTTLS if you want it, and whether the next hop behind the member answers." },
} as const;

export type ServiceState = "up" | "degraded" | "down" | "disabled" | "unknown";
export const serviceTone = { up: "ok", degraded: "warn", down: "fault", disabled: "idle", unknown: "idle" } as const satisfies Record<ServiceState, Tone>;
export const serviceWord = { up: "Up", degraded: "Degraded", down: "Down", disabled: "Disabled", unknown: "Not known" } as const satisfies Record<ServiceState, string>;

export function ServiceStateLabel({ state }: { state: ServiceState }) {
  return (
    <State tone={serviceTone[state]} {...(state === "disabled" ? { icon: Prohibit } : {})}>
      {serviceWord[state]}
    </State>
  );
}

export const healthTone = { unknown: "idle", up: "ok", "next-hop": "warn", down: "fault" } as const satisfies Record<MemberHealthState, Tone>;
export const healthWord = { unknown: "Not checked", up: "Up", "next-hop": "Up, next hop down", down: "Down" } as const satisfies Record<MemberHealthState, string>;

/** What checks found. A next hop that is down has a look of its own: attention, with the arrow to what stands behind. */
export function HealthLabel({ state }: { state: MemberHealthState }) {
  return (
    <State tone={healthTone[state]} {...(state === "next-hop" ? { icon: ArrowBendDownRight } : {})}>
      {healthWord[state]}
    </State>
  );
}

export const memberStateWord = { enabled: "Enabled", drain: "Draining", disabled: "Disabled" } as const satisfies Record<MemberState, string>;

/** How a member stands: what people set comes before what checks found. */
export function MemberStateLabel({ state, health }: { state: MemberState; health: MemberHealthState }) {
  if (state === "disabled") return <State tone="idle" icon={Prohibit}>Disabled</State>;
  if (state === "drain") return <State tone={health === "down" ? "fault" : "idle"} icon={Pause}>{health === "down" ? "Draining, down" : "Draining"}</State>;
  return <HealthLabel state={health} />;
}

/** "33 %" with a space that does not break; a share that is not nothing is never shown as nothing. */
export function percent(share: number): string {
  const value = share * 100;
  if (value > 0 && value < 1) return "<\u00a01\u00a0%";
  return `${value >= 10 || Math.abs(value - Math.round(value)) < 0.05 ? Math.round(value) : value.toFixed(1)}\u00a0%`;
}

/** "[::]:443", "10.0.0.5:443". */
export function endpoint(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** A cause without what stands beside it anyway: the member's name, and the word for its state. The chain of a next hop stays whole. */
export function bareCause(member: string, cause: string): string {
  const own = cause.startsWith(`${member}: `) ? cause.slice(member.length + 2) : cause;
  if (own === "up") return "checks pass";
  if (own === "disabled") return "not checked while it is disabled";
  return own.startsWith("down; ") ? own.slice(6) : own;
}

/** "12 connections", "1 connection". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** A virtual service, or the balancer in front of a gateway, as every renderer of a settings sheet sees it: values only, no rows. */
import type { HealthCheck } from "../../../contract/health-check.ts";
import type { SnapshotMember } from "../../../contract/pool.ts";
import type { PoolFacts, ServiceFacts } from "../lint/facts.ts";

export type SheetMember = Pick<SnapshotMember, "name" | "host" | "port" | "weight" | "maxConnections" | "state">;

export type Sheet = {
  /** `service`: instead of our gateway. `front`: the balancer in front of tunnel gateways (S0-04). */
  kind: "service" | "front";
  name: string;
  address: string;
  port: number;
  serverNames: string[];
  takesNoName: boolean;
  takesUnknownNames: boolean;
  mode: ServiceFacts["mode"];
  protocol: ServiceFacts["protocol"];
  stampName: string | null;
  scheduling: PoolFacts["scheduling"];
  failsBack: boolean;
  members: SheetMember[];
  healthCheck: HealthCheck;
  persistence: ServiceFacts["persistence"];
  memberTls: ServiceFacts["memberTls"];
  memberHost: ServiceFacts["memberHost"];
  forwardedHeaders: ServiceFacts["forwardedHeaders"];
  clientCertificate: ServiceFacts["clientCertificate"]["demand"];
  acceptsProxy: boolean;
  sendProxy: ServiceFacts["sendProxy"];
  connectTimeoutMs: number;
  idleTimeoutMs: number;
  /** Names of the certificates to present. */
  certificates: string[];
  /** Where the clients' name leads now, as the console resolves it; null: not asked, or no such name. */
  resolvesTo: string[] | null;
};

export type Rendered = { text: string; notes: string[] };

/** A display name as an identifier that every product takes: letters, digits, `-` and `_`, at most 40. */
export function slug(text: string): string {
  const plain = text.toLowerCase().replace(/[^a-z0-9_-]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40);
  return plain === "" ? "service" : plain;
}

/** One identifier per text, numbered where two would be the same. */
export function slugs(texts: readonly string[]): string[] {
  const used = new Map<string, number>();
  return texts.map((text) => {
    const base = slug(text);
    const times = (used.get(base) ?? 0) + 1;
    used.set(base, times);
    return times === 1 ? base : `${base}-${times}`;
  });
}

/** Members that take sessions, in the order of fail-over. */
export function servingMembers(sheet: Sheet): SheetMember[] {
  return sheet.members.filter((member) => member.state !== "disabled");
}

export function hostPort(member: Pick<SheetMember, "host" | "port">): string {
  return `${member.host.includes(":") ? `[${member.host}]` : member.host}:${member.port}`;
}

/** Whole seconds, at least one. */
export function seconds(ms: number): number {
  return Math.max(1, Math.round(ms / 1000));
}

/** Text for a comment line: no control characters, so that it stays one line. */
export function comment(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are exactly what is removed
  return text.replace(/[\u0000-\u001f\u007f]+/g, " ");
}

/** True when several names or rules decide which client belongs to the service. */
export function isNameBased(sheet: Sheet): boolean {
  return sheet.serverNames.length > 0 && !sheet.takesUnknownNames && sheet.mode !== "tcp";
}

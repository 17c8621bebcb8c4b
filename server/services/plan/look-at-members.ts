/** Looks at the members' certificates as clients of the service, or the re-encrypting gateway, would meet them. */
import { createHash } from "node:crypto";
import { mayDo } from "../../../contract/roles.ts";
import type { Caller } from "../caller.ts";
import type { MemberFacts, ServiceFacts } from "../lint/facts.ts";
import { lookAt, usualAnchors } from "./member-certificates.ts";
import type { MemberLook, MemberTarget } from "./read-member.ts";
import { clientNames } from "./verdicts.ts";

/** Handshakes that one plan makes; members and names beyond are judged by what health checks saw. */
const looksMax = 100;

/** The service with what its members present now, to each name in pass-through. An auditor's question dials nothing. */
export async function lookAtMembers(caller: Caller, service: ServiceFacts): Promise<ServiceFacts> {
  if ((service.mode !== "tls-passthrough" && service.mode !== "tls-reencrypt") || !mayDo(caller.role, "operate")) return service;
  const anchorsPem = await anchorsOf(caller, service);
  const names = service.mode === "tls-passthrough" ? namesAsked(service) : [null];
  const questions = service.pool.members.flatMap((member, index) => names.map((name) => ({ index, name, target: { host: member.host, port: member.port, serverName: name ?? serverNameFor(service, member), anchorsPem } }))).slice(0, looksMax);
  const looks = await recentOrNew(questions.map((question) => question.target), keyOf(caller, service));
  const members = service.pool.members.map((member, index) => seen(member, questions.flatMap((question, at) => (question.index === index ? [{ name: question.name, look: looks[at] }] : []))));
  return { ...service, pool: { ...service.pool, members } };
}

/** A form asks again with every change; a member is looked at once in this time, ms. */
const freshMs = 20_000;
const keptMax = 2_000;
const recent = new Map<string, { atMs: number; look: MemberLook }>();

/** Verdicts about the chain depend on the anchors, so they are part of what is remembered. */
function keyOf(caller: Caller, service: ServiceFacts): string {
  const { verify } = service.memberTls;
  const own = service.mode === "tls-reencrypt" && verify.kind === "anchors" ? verify.anchorsPem : [];
  return `${caller.organisationId} ${own.length === 0 ? "" : createHash("sha256").update(own.join("\n")).digest("hex")}`;
}

async function recentOrNew(targets: readonly MemberTarget[], anchorsKey: string): Promise<(MemberLook | undefined)[]> {
  const nowMs = performance.now();
  const keys = targets.map((target) => `${anchorsKey} ${target.host} ${target.port} ${target.serverName ?? ""}`);
  const missing = [...keys.keys()].filter((index) => nowMs - (recent.get(keys[index] ?? "")?.atMs ?? Number.NEGATIVE_INFINITY) > freshMs);
  const looks = await lookAt(missing.flatMap((index) => targets[index] ?? []));
  if (recent.size > keptMax) recent.clear();
  for (const [at, index] of missing.entries()) {
    const look = looks[at];
    if (look) recent.set(keys[index] ?? "", { atMs: performance.now(), look });
  }
  return keys.map((key) => recent.get(key)?.look);
}

function namesAsked(service: ServiceFacts): (string | null)[] {
  const names = clientNames(service);
  return names.length === 0 ? [null] : names;
}

/** The certificate for the first name stands for the member as a whole. */
function seen(member: MemberFacts, looks: readonly { name: string | null; look: MemberLook | undefined }[]): MemberFacts {
  const found = looks.flatMap(({ name, look }) => (look?.kind === "seen" ? [{ name, certificate: look.certificate }] : []));
  const [first] = found;
  if (!first) return member;
  return { ...member, certificate: first.certificate, certificateFor: new Map(found.flatMap(({ name, certificate }) => (name === null ? [] : [[name, certificate] as const]))) };
}

async function anchorsOf(caller: Caller, service: ServiceFacts): Promise<string[]> {
  const { verify } = service.memberTls;
  return service.mode === "tls-reencrypt" && verify.kind === "anchors" && verify.anchorsPem.length > 0 ? verify.anchorsPem : await usualAnchors(caller);
}

/** What the re-encrypting gateway would send; the member's own name where nothing is known. */
function serverNameFor(service: ServiceFacts, member: MemberFacts): string | null {
  const [asked] = clientNames(service);
  switch (service.memberTls.serverName.kind) {
    case "client":
      return asked ?? null;
    case "fixed":
      return service.memberTls.serverName.name;
    case "member":
    case "none":
      return member.host;
  }
}

"use client";
/** How a service is set, in words; what is as usual is left out. */
import type { Persistence } from "@/contract/persistence.ts";
import { endsTls } from "@/contract/virtual-service.ts";
import { Facts } from "@/app/_ui/page.tsx";
import { bytes } from "@/app/_ui/spark-line.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { counted, endpoint, modeWords, persistenceWords } from "../../_shared/service-words.tsx";
import { ownLimits, type ServiceDetail } from "./service-values.ts";

export function ServiceFacts({ service }: { service: ServiceDetail }) {
  const isHttp = service.protocol === "http";
  const limits = Object.entries(ownLimits(service.limits));
  return (
    <Facts
      items={[
        { label: "Address", value: <Mono>{endpoint(service.address, service.port)}</Mono> },
        ...(service.mode === "tcp" ? [] : [{ label: "Server names", value: service.serverNames.length === 0 ? "every name" : <Mono>{service.serverNames.join(", ")}</Mono> }]),
        ...(service.mode === "tcp" || service.serverNames.length === 0 ? [] : [{ label: "Also takes", value: [service.takesNoName && "clients without a name", service.takesUnknownNames && "unknown names"].filter(Boolean).join(" and ") || "nothing else" }]),
        { label: "Stamp name", value: service.stampName ? <Mono>{service.stampName}</Mono> : "none" },
        { label: "Mode", value: <>{modeWords[service.mode].label} <span className="text-ink-3">({modeWords[service.mode].alias})</span></> },
        { label: "Protocol", value: isHttp ? "HTTP" : "any" },
        { label: "Persistence", value: <PersistenceText persistence={service.persistence} /> },
        ...(endsTls(service.mode) ? [{ label: "Client certificates", value: { none: "not asked for", optional: "optional", required: "required" }[service.clientCertificate.demand] + (service.clientCertificate.forwards ? ", told to members" : "") }] : []),
        ...(service.mode === "tls-reencrypt" ? [{ label: "Members' certificates", value: { anchors: "verified by issuer and name", pinned: "verified by fingerprint", off: "not verified" }[service.memberTls.verify.kind] }, { label: "SNI to members", value: service.memberTls.serverName.kind === "fixed" ? <Mono>{service.memberTls.serverName.name}</Mono> : { client: "the client's", member: "the member's host", none: "none" }[service.memberTls.serverName.kind] }] : []),
        ...(isHttp ? [{ label: "Host to members", value: service.memberHost.kind === "fixed" ? <Mono>{service.memberHost.name}</Mono> : { client: "the client's", member: "the member's host" }[service.memberHost.kind] }, { label: "Client address in", value: { "x-forwarded": "X-Forwarded-*", forwarded: "Forwarded", both: "X-Forwarded-* and Forwarded", none: "no field" }[service.forwardedHeaders] }] : []),
        { label: "PROXY protocol from", value: service.acceptProxy.kind === "off" ? "nobody" : <Mono>{service.acceptProxy.sources.join(", ")}</Mono> },
        { label: "PROXY protocol to members", value: { off: "not sent", v1: "version 1", v2: "version 2" }[service.sendProxy] },
        ...(limits.length === 0 ? [] : [{ label: "Limits", value: <>{limits.map(([key, value]) => limitText(key, value)).join(", ")}</> }]),
        { label: "Note", value: service.note === "" ? "none" : service.note },
        { label: "Last changed", value: <Time at={service.updatedAt} /> },
      ]}
    />
  );
}

const limitWords: Record<string, string> = { handshakeTimeoutMs: "handshake", connectTimeoutMs: "connection to a member", idleTimeoutMs: "silence", closingTimeoutMs: "half-closed", headTimeoutMs: "request head", bodyTimeoutMs: "pause in a body", responseTimeoutMs: "response" };

/** "silence 900 s", "50,000 connections". */
function limitText(key: string, value: number | null | undefined): string {
  if (key === "connectionsMax") return counted(value ?? 0, "connection");
  if (key === "bodyBytesMax") return `bodies to ${bytes(value ?? 0)}`;
  return `${limitWords[key] ?? key} ${(value ?? 0) / 1000} s`;
}

function Mono({ children }: { children: string }) {
  return <code className="font-mono text-[12.5px] wrap-anywhere">{children}</code>;
}

function PersistenceText({ persistence }: { persistence: Persistence }) {
  const minutes = (seconds: number) => (seconds % 60 === 0 ? counted(seconds / 60, "minute") : counted(seconds, "second"));
  const exceptions = "exceptions" in persistence && persistence.exceptions.length > 0 ? `; ${counted(persistence.exceptions.length, "exception")}` : "";
  const label = persistenceWords[persistence.kind].label;
  switch (persistence.kind) {
    case "none":
      return <>{label}</>;
    case "cookie-insert":
      return <>{label}: <Mono>{persistence.cookieName}</Mono>{persistence.lifetimeSeconds !== null && `, ${minutes(persistence.lifetimeSeconds)}`}{persistence.endsWithCookie !== null && <>, ends with <Mono>{persistence.endsWithCookie}</Mono></>}{exceptions}</>;
    case "cookie-prefix":
      return <>{label}: <Mono>{persistence.cookieName}</Mono>{exceptions}</>;
    case "cookie-follow":
      return <>{label}: <Mono>{persistence.cookieName}</Mono>, {minutes(persistence.idleSeconds)} of silence{exceptions}</>;
    case "source-address":
      return <>{label}: /{persistence.prefix4} and /{persistence.prefix6}, {minutes(persistence.idleSeconds)} of silence</>;
    case "duration":
      return <>{label}: {minutes(persistence.seconds)}, {persistence.whenDown === "refuse" ? "refused while its member is down" : "moved while its member is down"}</>;
  }
}

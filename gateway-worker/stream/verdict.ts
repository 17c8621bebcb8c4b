/**
 * The verdict on a client right after the handshake, on resumed sessions too: chain (decided by the handshake, threats.md H9), dates, purpose,
 * strength, identity, access and policy. Nothing of the back end is touched before it (S0-16, S0-17). Pure but for the clock passed in.
 */
import type { AccessEntry } from "../../contract/access.ts";
import type { RefusalCode } from "../../contract/error-codes.ts";
import type { Identity } from "../../contract/names.ts";
import type { Compiled } from "../runtime/compile.ts";
import { policyVerdict } from "../runtime/policy.ts";
import type { PeerCertificate } from "./peer-certificate.ts";

/** A client that passed, and what it passed with. */
export type AdmittedClient = { kind: "admitted"; peer: PeerCertificate; identity: Identity & { kind: "agent" | "bundle" }; entry: AccessEntry };

export type Verdict =
  | AdmittedClient
  | { kind: "refused"; code: RefusalCode; detail: string; peer: PeerCertificate | undefined };

export type VerdictInput = {
  /** What the handshake said of the chain. */
  isAuthorized: boolean;
  authorizationError: string;
  peer: PeerCertificate | undefined;
  compiled: Compiled;
  access: (kind: "agent" | "bundle", id: string) => AccessEntry | undefined;
  /** Wall clock, milliseconds since 1970. */
  nowMs: number;
};

export function judge(input: VerdictInput): Verdict {
  const { peer } = input;
  const refuse = (code: RefusalCode, detail: string): Verdict => ({ kind: "refused", code, detail: detail.slice(0, 500), peer });
  if (!peer) return refuse("certificate-missing", "the client presented no certificate");
  const problem = chainProblem(input, peer);
  return problem ? refuse(...problem) : judgeIdentity(input, peer, refuse);
}

export type ChainInput = Pick<VerdictInput, "isAuthorized" | "authorizationError" | "nowMs"> & { compiled: Pick<Compiled, "snapshot" | "anchorNames"> };

/** What is wrong with a client's chain, whoever the client is; undefined when it may be believed. */
export function chainProblem(input: ChainInput, peer: PeerCertificate): [RefusalCode, string] | undefined {
  const from = isoTime(peer.validFromMs);
  const until = isoTime(peer.validToMs);
  if (!input.isAuthorized) return chainRefusal(input, peer, from, until);
  // A resumed session was verified when it began: the clock has moved on since (STACK section 0, rule 7).
  if (input.nowMs >= peer.validToMs) return ["certificate-expired", `the certificate or one of its issuers expired at ${until}`];
  if (input.nowMs < peer.validFromMs) return ["certificate-not-yet-valid", `the certificate or one of its issuers is valid from ${from}`];
  if (peer.weak !== undefined) return ["certificate-weak", peer.weak];
  if (peer.isCa) return ["certificate-purpose", "the certificate is a CA's, not a client's"];
  return peer.isForClients ? undefined : ["certificate-purpose", "the certificate's extended key usage lacks clientAuth"];
}

function isoTime(ms: number): string {
  return Number.isNaN(ms) ? "a date that cannot be read" : new Date(ms).toISOString();
}

function judgeIdentity(input: VerdictInput, peer: PeerCertificate, refuse: (code: RefusalCode, detail: string) => Verdict): Verdict {
  const { identity } = peer;
  const { snapshot } = input.compiled;
  if (!identity) return refuse("certificate-identity", `the certificate's URI ${peer.summary.identity ?? "(none)"} is no Sallyport identity`);
  if (identity.trustDomain !== snapshot.trustDomain || identity.organisationId !== snapshot.organisationId) return refuse("certificate-identity", `the identity ${peer.summary.identity ?? ""} is of another organisation`);
  if (identity.kind !== "agent" && identity.kind !== "bundle") return refuse("certificate-identity", `a ${identity.kind} may not use a tunnel; only agents and bundles may`);
  const who = { ...identity, kind: identity.kind };
  const entry = input.access(who.kind, who.id);
  const isBundle = who.kind === "bundle";
  if (!entry) return refuse(isBundle ? "bundle-revoked" : "agent-unknown", `no ${who.kind} ${who.id} is known here`);
  if (entry.status === "waiting") return refuse("agent-not-approved", `the ${who.kind} ${who.id} is enrolled, and nobody has approved it yet`);
  if (entry.status !== "active" || hasEnded(entry, input.nowMs)) return refuse(isBundle ? "bundle-revoked" : "agent-revoked", `the access of ${who.kind} ${who.id} was revoked or has ended`);
  if (!entry.fingerprints.includes(peer.fingerprint)) return refuse("certificate-superseded", `the certificate ${peer.fingerprint.slice(0, 16)} is none of the current ones of ${who.kind} ${who.id}`);
  // An enrolment bundle has no policy yet: it is what brings the first one.
  const policy = isBundle ? "allowed" : policyVerdict(input.compiled.policies, entry.groupIds);
  return policy === "allowed" ? { kind: "admitted", peer, identity: who, entry } : refuse(policy, policySentence(policy, who.id));
}

/** True after the entry's own end (contract/access.ts). */
export function hasEnded(entry: AccessEntry, nowMs: number): boolean {
  return entry.expiresAt !== null && entry.expiresAt * 1000 <= nowMs;
}

function policySentence(policy: "policy-none" | "policy-disabled" | "policy-other-gateway", id: string): string {
  if (policy === "policy-none") return `no policy targets agent ${id}`;
  return policy === "policy-disabled" ? `every policy that targets agent ${id} is switched off` : `the policies that target agent ${id} name other gateways`;
}

const byError: Record<string, RefusalCode> = {
  CERT_HAS_EXPIRED: "certificate-expired",
  CERT_NOT_YET_VALID: "certificate-not-yet-valid",
  INVALID_PURPOSE: "certificate-purpose",
  EE_KEY_TOO_SMALL: "certificate-weak",
  CA_KEY_TOO_SMALL: "certificate-weak",
  CA_MD_TOO_WEAK: "certificate-weak",
  INVALID_CA: "certificate-invalid-chain",
  PATH_LENGTH_EXCEEDED: "certificate-invalid-chain",
  CERT_CHAIN_TOO_LONG: "certificate-invalid-chain",
  DEPTH_ZERO_SELF_SIGNED_CERT: "certificate-untrusted",
  SELF_SIGNED_CERT_IN_CHAIN: "certificate-untrusted",
  CERT_UNTRUSTED: "certificate-untrusted",
  CERT_REJECTED: "certificate-untrusted",
  CERT_SIGNATURE_FAILURE: "certificate-untrusted",
  CERT_REVOKED: "agent-revoked",
};
const noIssuer = new Set(["UNABLE_TO_GET_ISSUER_CERT", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"]);

/** The handshake refused the chain: which code says best why. Only names the reason; nothing here can admit anybody. */
function chainRefusal(input: ChainInput, peer: PeerCertificate, from: string, until: string): [RefusalCode, string] {
  const error = input.authorizationError;
  const code = byError[error];
  if (code === "certificate-expired") return [code, `the certificate or one of its issuers expired at ${until}`];
  if (code === "certificate-not-yet-valid") return [code, `the certificate or one of its issuers is valid from ${from}`];
  if (code) return [code, `the chain of ${peer.summary.subject} was refused: ${error}`];
  if (noIssuer.has(error)) return issuerRefusal(input, peer, error);
  // The runtimes name weak keys, broken CA flags and unknown critical extensions differently, Node partly as UNSPECIFIED.
  if (peer.weak !== undefined) return ["certificate-weak", peer.weak];
  return ["certificate-invalid-chain", `the chain of ${peer.summary.subject} breaks a rule of RFC 5280 section 6: ${error}`];
}

function issuerRefusal(input: ChainInput, peer: PeerCertificate, error: string): [RefusalCode, string] {
  const { snapshot, anchorNames } = input.compiled;
  if (peer.hasNonCaIssuer) return ["certificate-invalid-chain", `an issuer in the chain of ${peer.summary.subject} is no CA (${error})`];
  const claimsOurs = peer.identity?.trustDomain === snapshot.trustDomain && peer.identity.organisationId === snapshot.organisationId;
  if (peer.chainLength === 1 && !peer.isSelfIssued && claimsOurs && !anchorNames.has(peer.issuer)) return ["certificate-chain-incomplete", `the client sent one certificate, issued by ${peer.summary.issuer}, which is no trust anchor here and was not sent along`];
  return ["certificate-untrusted", `${peer.summary.issuer} is no CA that this organisation trusts (${error})`];
}

/**
 * Enrolment, in stages that each survive a crash (T19): the key is on disk before it is sent, the certificate before the token is forgotten; asking again with the
 * same key gets the same certificate. Works over the LAN, or over a gateway with the bundle's bootstrap identity.
 */
import { createPrivateKey } from "node:crypto";
import type { AgentPolicy } from "../../contract/agent-site.ts";
import { agentEnrolmentReply, parseToken, type TokenContent } from "../../contract/enrolment.ts";
import type { DialledWays } from "../channel/dialled-way.ts";
import { AgentError } from "../errors.ts";
import { hostname } from "../inventory.ts";
import type { AgentLog } from "../log.ts";
import { errorCodeOf, PathKeeper } from "../path/keeper.ts";
import type { RelayUse, Trust } from "../path/route.ts";
import { platform } from "../platform/current.ts";
import { agentVersion } from "../version.ts";
import { barePolicy } from "../policy-store.ts";
import { makeCsr, makeKey } from "./csr.ts";
import { findRoot } from "./first-contact.ts";
import { certificatesOf, chainsTo, fingerprintOf, pemList } from "./pem.ts";
import type { IdentityStore, PendingEnrolment, StoredIdentity } from "./store.ts";

export type EnrolmentSource = { token: string; bootstrap: PendingEnrolment["bootstrap"]; caPem: string | null; policy: AgentPolicy | null };

/** Notes what to enrol with. The same token again keeps the key that may have been sent already. */
export function prepareEnrolment(store: IdentityStore, source: EnrolmentSource): PendingEnrolment {
  readToken(source.token);
  const before = store.loadPending();
  const keyPem = before?.token === source.token.trim() ? before.keyPem : makeKey();
  const pending: PendingEnrolment = { ...source, token: source.token.trim(), keyPem, startedAt: new Date().toISOString() };
  store.savePending(pending);
  return pending;
}

/** `relay`: what stands between here and every address (S4-21); the token and its CA prove the other end all the same. `dialled`: this agent is dialled and dials nothing. */
export type EnrolmentOptions = { log: AgentLog; deadlineMs: number; signal: AbortSignal; relay: RelayUse | null; dialled?: DialledWays };

/** Asks until `deadlineMs` has passed. Returns the identity, stored as `next`. Throws AgentError; `enrolment-refused` is final, the rest may be tried again. */
export async function completeEnrolment(store: IdentityStore, pending: PendingEnrolment, options: EnrolmentOptions): Promise<StoredIdentity> {
  const token = readToken(pending.token);
  const { dialled } = options;
  if (dialled && !pending.policy?.gateways.length) throw new AgentError("gateway-unreachable", "An agent that waits to be dialled enrols with an offline bundle: a bare token names no gateway whose certificate could be known.");
  const caPem = pending.caPem ?? (await findRoot({ ...token, signal: options.signal, relay: options.relay }));
  if (pending.caPem === null) store.savePending({ ...pending, caPem });
  demandRoot(caPem, token);
  const previous = store.load("current");
  const proof = previous?.organisationId === token.organisationId ? previous : undefined;
  const policy = initialPolicy(pending);
  const trust = () => ({ ...trustFor(pending, proof, caPem), relay: options.relay });
  const keeper = new PathKeeper({ policy: () => policy, trust, log: options.log, instance: null, isProofNeeded: false, ...(dialled ? { isListening: true, channelRoute: () => dialled.route(policy, trust) } : {}) });
  const unwatch = dialled?.watch(() => keeper.kick());
  const stop = () => keeper.close();
  options.signal.addEventListener("abort", stop, { once: true });
  keeper.start();
  try {
    const body = { secret: token.secret, csrPem: makeCsr(pending.keyPem), hostname: hostname(), platform: platform.name, version: agentVersion, previousAgentId: proof?.agentId ?? null };
    const answer = await keeper.request({ method: "POST", path: "/v1/enrol", body }, options.deadlineMs);
    if (answer.status !== 200) throw refused(answer.status, answer.body);
    const identity = acceptReply(JSON.parse(answer.body.toString("utf8")), pending, token);
    store.saveNext(identity);
    options.log.info("enrolled", { agent: identity.agentId, organisation: identity.organisationId });
    return identity;
  } finally {
    options.signal.removeEventListener("abort", stop);
    unwatch?.();
    keeper.close();
  }
}

export function readToken(text: string): TokenContent {
  const parsed = parseToken(text);
  if ("error" in parsed) throw new AgentError("enrolment-refused", `${parsed.error}.`);
  if (parsed.kind !== "agent") throw new AgentError("enrolment-refused", "This token enrols a gateway, not an agent.");
  return parsed.content;
}

/** The CA that came along must be the one that the token names: bundle and token belong together. */
function demandRoot(caPem: string, token: TokenContent): void {
  if (certificatesOf(caPem).some((certificate) => fingerprintOf(certificate) === token.caFingerprint)) return;
  throw new AgentError("bundle-refused", "The token was made under another CA than the one in this bundle; ask for a new bundle.");
}

/** Re-enrolment shows the identity it replaces; a first enrolment the bundle's, or none. */
function trustFor(pending: PendingEnrolment, proof: StoredIdentity | undefined, caPem: string): Omit<Trust, "relay"> {
  const own = proof ? { chainPem: proof.chainPem, keyPem: proof.keyPem } : null;
  return { credentials: own ?? pending.bootstrap, ca: pemList(caPem) };
}

/** What the agent works with until its own policy has come down: the bundle's, or no more than the address in the token. */
export function initialPolicy(pending: PendingEnrolment): AgentPolicy {
  if (pending.policy !== null) return pending.policy;
  const { organisationId, host, port } = readToken(pending.token);
  return barePolicy(organisationId, { name: "agent site", host, port });
}

function refused(status: number, body: Buffer): AgentError {
  const code = errorCodeOf(body);
  if (status >= 500 || status === 429) return new AgentError("lan-unreachable", `The management server answered ${status} (${code}); it will be asked again.`);
  return new AgentError("enrolment-refused", `The management server answered ${code}.`);
}

/** Nothing is taken on trust from the reply but what its certificate proves: it carries our key, chains to the token's CA, and names the agent. */
function acceptReply(value: unknown, pending: PendingEnrolment, token: TokenContent): StoredIdentity {
  const reply = agentEnrolmentReply.safeParse(value);
  if (!reply.success) throw new AgentError("enrolment-refused", "The management server's answer could not be read.");
  const { agentId, organisationId, trustDomain, certificateChainPem, caPem } = reply.data;
  const [leaf] = certificatesOf(certificateChainPem);
  const isOurKey = leaf?.checkPrivateKey(createPrivateKey(pending.keyPem)) ?? false;
  const isNamed = leaf?.subjectAltName?.includes(`spiffe://${trustDomain}/org/${organisationId}/agent/${agentId}`) ?? false;
  if (!leaf || !isOurKey || !isNamed || organisationId !== token.organisationId) throw new AgentError("enrolment-refused", "The certificate in the answer is not for this agent's key.");
  demandRoot(caPem, token);
  if (!chainsTo(leaf, [...certificatesOf(certificateChainPem), ...certificatesOf(caPem)], token.caFingerprint)) throw new AgentError("enrolment-refused", "The certificate in the answer does not chain to the organisation's CA.");
  return { agentId, organisationId, trustDomain, keyPem: pending.keyPem, chainPem: certificateChainPem, caPem, enrolledAt: new Date().toISOString() };
}

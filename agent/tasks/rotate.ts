/**
 * A new key and certificate for the identity that the agent has: asked for by a task, or by itself at two thirds of the certificate's life. The new one is stored as
 * `next` and used at once; the present one stays until the new one has been accepted (T19).
 */
import { createPrivateKey, randomInt, X509Certificate } from "node:crypto";
import { agentEnrolmentReply } from "../../contract/enrolment.ts";
import { makeCsr, makeKey } from "../identity/csr.ts";
import { certificatesOf, chainsTo, fingerprintOf } from "../identity/pem.ts";
import { IdentityStore, type StoredIdentity } from "../identity/store.ts";
import type { AgentWork } from "../work.ts";
import { TaskFailed } from "./task.ts";

/** Between two tries that the agent makes by itself, ms. */
const retryMs = { min: 30 * 60_000, max: 60 * 60_000 };
const dueAfter = 2 / 3;

/** Returns until when the new certificate is valid, ISO 8601. Throws TaskFailed. */
export async function rotateCertificate(work: AgentWork): Promise<string> {
  const identity = work.identity();
  const store = new IdentityStore(work.config.stateDir);
  if (!identity) throw new TaskFailed("The agent is not enrolled.");
  if (store.loadPending() || store.load("next")) throw new TaskFailed("Another change of the agent's identity is not finished; try again in a minute.");
  const keyPem = makeKey();
  const answer = await work.ask({ method: "POST", path: "/v1/renew", body: { csrPem: makeCsr(keyPem) } });
  const renewed = acceptRenewal(JSON.parse(answer.body.toString("utf8")), identity, keyPem);
  store.saveNext(renewed);
  work.takeNewIdentity();
  const { validTo } = new X509Certificate(renewed.chainPem);
  work.log.info("the agent has a new certificate", { until: new Date(validTo).toISOString() });
  return new Date(validTo).toISOString();
}

let nextTryAt = 0;

/** Called after each report. Rejects when a renewal that is due could not be had; it is tried again within the hour. */
export async function renewWhenDue(work: AgentWork, now: number = work.now()): Promise<void> {
  const identity = work.identity();
  if (!identity || now < nextTryAt || !isRenewalDue(new X509Certificate(identity.chainPem), now)) return;
  nextTryAt = now + randomInt(retryMs.min, retryMs.max);
  await rotateCertificate(work);
}

/** Two thirds of its life have passed. */
export function isRenewalDue(certificate: Pick<X509Certificate, "validFrom" | "validTo">, now: number): boolean {
  const from = new Date(certificate.validFrom).getTime();
  const to = new Date(certificate.validTo).getTime();
  return now > from + (to - from) * dueAfter;
}

/** Nothing is taken on trust from the answer but what its certificate proves: our new key, our identity, a chain to the CA that we have. */
function acceptRenewal(value: unknown, identity: StoredIdentity, keyPem: string): StoredIdentity {
  const reply = agentEnrolmentReply.safeParse(value);
  if (!reply.success) throw new TaskFailed("The management server's answer could not be read.");
  const { agentId, organisationId, trustDomain, certificateChainPem, caPem } = reply.data;
  const [leaf] = certificatesOf(certificateChainPem);
  const [root] = certificatesOf(identity.caPem);
  const isNamed = leaf?.subjectAltName?.includes(`spiffe://${identity.trustDomain}/org/${identity.organisationId}/agent/${identity.agentId}`) ?? false;
  if (!leaf || !root || !isNamed || agentId !== identity.agentId || !leaf.checkPrivateKey(createPrivateKey(keyPem))) throw new TaskFailed("The certificate in the answer is not for this agent's new key.");
  if (!chainsTo(leaf, [...certificatesOf(certificateChainPem), ...certificatesOf(identity.caPem)], fingerprintOf(root))) throw new TaskFailed("The certificate in the answer does not chain to the organisation's CA.");
  return { agentId, organisationId, trustDomain, keyPem, chainPem: certificateChainPem, caPem, enrolledAt: new Date().toISOString() };
}

/** Step 3: a gateway is connected, serves its newest snapshot, presents the certificate it reports, and answers no plain HTTP (S0-02, S1-22 to S1-32). */
import { proxyCure, proxySentence } from "../agent/certificate-proxy.ts";
import type { Caller } from "../caller.ts";
import { ownCertificates } from "../gateway/own-certificates.ts";
import { gatewayStateColumns, gatewayStateOf } from "../gateway/state.ts";
import { addressesOf } from "../probe/addresses.ts";
import { plainHttpAt } from "../probe/plain-http.ts";
import { readPresented } from "../probe/tls.ts";
import { bad, fact, failed, good, type StepVerdict, verified } from "./facts.ts";

const columns = { id: true, name: true, publicNames: true, publicPort: true, revision: true, presentedCertificateId: true, isBehindLoadBalancer: true, ...gatewayStateColumns } as const;
/** Longest wait for a snapshot that is on its way, ms; a gateway applies one within a second. */
const settleMs = 3_000;
const settlePollMs = 250;
type Row = Awaited<ReturnType<typeof candidates>>[number];

/** The first gateway that passes everything; else what is wrong with the one that came furthest. */
export async function checkGateway(caller: Caller): Promise<StepVerdict> {
  const rows = await candidates(caller);
  if (rows.length === 0) return failed([], "There is no gateway yet.", "Create one, download its package and install it in the DMZ.");
  let best: StepVerdict | undefined;
  for (const row of rows) {
    const verdict = await judgeGateway(caller, row);
    if (verdict.isVerified) return verdict;
    if (!best || countGood(verdict) > countGood(best)) best = verdict;
  }
  return best ?? failed([], "There is no gateway yet.", "Create one.");
}

async function candidates(caller: Caller) {
  const rows = await caller.db.gateway.findMany({ where: { organisationId: caller.organisationId }, select: columns, orderBy: [{ connectedSince: { sort: "desc", nulls: "last" } }, { id: "asc" }], take: 5 });
  return rows;
}

function countGood(verdict: StepVerdict): number {
  return verdict.facts.filter((found) => found.isGood).length;
}

async function judgeGateway(caller: Caller, row: Row): Promise<StepVerdict> {
  const state = gatewayStateOf(row);
  const facts = [fact("Gateway", `${row.name}: ${state}`, state === "connected")];
  if (state === "waiting") return failed(facts, `Gateway "${row.name}" was never installed.`, "Download its package, carry it to the DMZ and run the installer there.");
  if (state !== "connected") return failed(facts, `Gateway "${row.name}" is ${state === "disconnected" ? "not connected" : state}.`, "Open the gateway: its page says what is wrong; check the firewall rule from the DMZ to the control port.");
  const { appliedRevision, revision } = await settledRevision(caller, row);
  facts.push(fact("Revision served", `${appliedRevision} of ${revision}`, appliedRevision === revision));
  if (appliedRevision !== revision) return failed(facts, `Gateway "${row.name}" serves revision ${appliedRevision}, the newest is ${revision}.`, "Wait a moment and check again; if it stays, the gateway's page lists why it refused.");
  return judgeListener(caller, row, facts);
}

/** A change made a moment ago is on its way: gives the gateway a few seconds to serve it before the step fails. */
async function settledRevision(caller: Caller, row: Row): Promise<{ appliedRevision: number; revision: number }> {
  let current: { appliedRevision: number; revision: number } = row;
  for (const deadline = Date.now() + settleMs; current.appliedRevision !== current.revision && Date.now() < deadline; ) {
    await new Promise((resolve) => setTimeout(resolve, settlePollMs));
    current = (await caller.db.gateway.findFirst({ where: { id: row.id, organisationId: caller.organisationId }, select: { appliedRevision: true, revision: true } })) ?? current;
  }
  return current;
}

async function judgeListener(caller: Caller, row: Row, facts: StepVerdict["facts"]): Promise<StepVerdict> {
  const certificate = row.presentedCertificateId ? await caller.db.certificate.findFirst({ where: { id: row.presentedCertificateId, organisationId: caller.organisationId }, select: { fingerprint: true } }) : null;
  if (!certificate) return failed([...facts, bad("Certificate", "not reported yet")], `Gateway "${row.name}" has not reported its certificate.`, "Wait a moment and check again; the gateway's log says why it could not make one.");
  const [host] = row.publicNames;
  if (host === undefined) return failed([...facts, bad("Public name", "none")], `Gateway "${row.name}" has no public name.`, "Add the name under which agents outside find it.");
  const port = row.publicPort;
  const resolved = await addressesOf(host);
  if (resolved.kind === "failed") return failed([...facts, bad("Public name", resolved.detail)], `The public name ${host} of gateway "${row.name}" leads nowhere.`, "Add a DNS entry for it, or correct the name.");
  const presented = await readPresented({ host, port, addresses: resolved.addresses });
  if (presented.kind === "failed") return failed([...facts, bad("Listener", presented.detail)], `Nothing answers TLS at ${host}:${port}.`, "Check the listener's address and port, the port mapping and the firewall in front of the gateway.");
  facts.push(fact("Certificate presented", presented.fingerprint, presented.fingerprint === certificate.fingerprint));
  if (presented.fingerprint !== certificate.fingerprint) return judgeForeign(caller, row, { facts: [...facts, good("Gateway's own certificate", certificate.fingerprint)], place: `${host}:${port}`, seen: presented.fingerprint, own: certificate.fingerprint });
  if (row.isBehindLoadBalancer) facts.push(good("Load balancer in front", "passes TLS through: the gateway's own certificate is met under its public name"));
  const plain = await plainHttpAt({ host, port, address: presented.address });
  facts.push(fact("Plain HTTP", plain ?? "no HTTP answer", plain === null));
  if (plain !== null) return failed(facts, `${host} answers plain HTTP.`, "Something in front of the gateway answers for it; turn its HTTP responder off.");
  return verified([...facts, good("Public name", `${host}:${port}`)]);
}

/** Another certificate than the gateway's: another gateway of ours under a shared name is right, anything else is a certificate proxy (S0-03, S0-09). */
async function judgeForeign(caller: Caller, row: Row, { facts, place, seen, own }: { facts: StepVerdict["facts"]; place: string; seen: string; own: string }): Promise<StepVerdict> {
  const other = (await ownCertificates(caller)).gatewayNameOf.get(seen);
  if (other !== undefined && row.isBehindLoadBalancer) return verified([...facts.filter((found) => found.isGood), good("Certificate presented", `${seen}, gateway "${other}", which shares the name`), good("Public name", place)]);
  if (other !== undefined) return failed(facts, `${place} leads to gateway "${other}", not to "${row.name}".`, "Correct the DNS entry or the port mapping; if both share the name behind a load balancer, say so in their settings.");
  return failed(facts, proxySentence({ gateway: row.name, seen, own, who: `the check of ${place}` }), proxyCure(row));
}

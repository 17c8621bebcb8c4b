/**
 * Makes a database ready to serve: the first organisation with its CA, the certificates of our own doors, default sites and management server, the local gateway
 * and the way in for the first owner. Every stage looks before it acts, so a console that was killed half-way goes on where it stopped; stages that must not run
 * twice at once hold a lock.
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { canonicalHost } from "../../../contract/names.ts";
import type { Db, Tx } from "../../db.ts";
import { env } from "../../env.ts";
import { log } from "../../log.ts";
import { recordAudit } from "../audit/record.ts";
import { type Caller, systemCaller } from "../caller.ts";
import { issuingAuthority } from "../certificate/authority.ts";
import { ensureServingCertificate, type ServingPurpose } from "../certificate/serving.ts";
import { createOwner, ensureSetupLink } from "../user/set-up.ts";
import { createAuthority, generateAuthorityKeys } from "./create-authority.ts";
import { createDefaults } from "./defaults.ts";
import { ensureLocalGateway, writePrivate } from "./local-gateway.ts";

export const trustDomain = "sallyport.internal";
const firstOrganisationName = "My organisation";
/** Any number, the same in every console: only one makes the first organisation. */
const bootstrapLock = 0x5a11_90f7;

export type Installation = { organisationId: string };

/** Runs all stages. Throws SealError when the master key is not the one of this database. */
export async function bootstrap(database: Db): Promise<Installation> {
  const organisationId = (await firstOrganisation(database)) ?? (await createOrganisation(database));
  const caller = { ...systemCaller(organisationId, "bootstrap"), db: database };
  await issuingAuthority(database, organisationId); // opens the CA's key: another master key shows here, with a sentence, not at the first enrolment
  await renewServingCertificates(database);
  if (env().SALLYPORT_LOCAL_GATEWAY) await ensureLocalGateway(database, caller);
  await offerWayIn(organisationId, database);
  return { organisationId };
}

/** Issues the certificates of our own doors again where needed, for every organisation that has a CA, or for one. Called at start and every hour. */
export async function renewServingCertificates(database: Db, organisationId?: string): Promise<void> {
  const organisations = await database.organisation.findMany({ where: { ...(organisationId === undefined ? {} : { id: organisationId }), certificates: { some: { purpose: "issuing-ca", isCurrent: true, revokedAt: null } } }, select: { id: true } });
  for (const { id } of organisations) {
    for (const purpose of ["agent-site", "control"] as const) await renewServingCertificate(database, id, purpose);
  }
}

async function renewServingCertificate(database: Db, organisationId: string, purpose: ServingPurpose): Promise<void> {
  const caller = { ...systemCaller(organisationId, "certificate-renewal"), db: database };
  const isIssued = await database.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT id FROM "Organisation" WHERE id = ${organisationId}::uuid FOR NO KEY UPDATE`;
    return ensureServingCertificate(tx, caller, purpose);
  });
  if (isIssued) log.info({ purpose, organisationId }, "issued a certificate for one of the console's own doors");
}

async function firstOrganisation(database: Db | Tx): Promise<string | undefined> {
  const row = await database.organisation.findFirst({ orderBy: [{ createdAt: "asc" }, { id: "asc" }], select: { id: true } });
  return row?.id;
}

/** Organisation, CA and defaults in one transaction: there is never an organisation without them. */
async function createOrganisation(database: Db): Promise<string> {
  const keys = await generateAuthorityKeys(env().SALLYPORT_CA_KEY_TYPE);
  return database.$transaction(async (tx) => {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(${bootstrapLock}::bigint)`;
    const already = await firstOrganisation(tx);
    if (already) return already;
    const organisation = await tx.organisation.create({
      data: { name: firstOrganisationName, nameKey: firstOrganisationName.toLowerCase(), trustDomain, agentSiteNames: agentSiteNames(), agentSitePort: env().SALLYPORT_AGENT_SITE_PORT },
      select: { id: true, name: true, agentSiteNames: true, agentSitePort: true },
    });
    const caller: Caller = { ...systemCaller(organisation.id, "bootstrap"), db: database };
    await recordAudit(tx, caller, { action: "organisation.create", target: { kind: "organisation", id: organisation.id, name: organisation.name } });
    await createAuthority(tx, caller, organisation, keys);
    await createDefaults(tx, organisation);
    return organisation.id;
  });
}

/** `localhost` and this machine's name, when it is a host name that a certificate can carry. */
function agentSiteNames(): string[] {
  const own = canonicalHost(os.hostname());
  return [...new Set(["localhost", ...(own ? [own] : [])])];
}

/** With nobody in the organisation: makes the owner of the environment, or leaves a one-time link in the data directory. The file goes once somebody is there. */
async function offerWayIn(organisationId: string, database: Db): Promise<void> {
  const { SALLYPORT_ADMIN_EMAIL: email, SALLYPORT_ADMIN_PASSWORD: password, SALLYPORT_DATA } = env();
  const file = path.join(SALLYPORT_DATA, "setup-link");
  if (email !== undefined && password !== undefined) await createOwner({ organisationId, email, password }, database);
  const link = await ensureSetupLink(organisationId, database);
  if (link === null) fs.rmSync(file, { force: true });
  else writePrivate(file, `${link}\n`);
}

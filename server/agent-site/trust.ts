/** What the agent site presents and whom it trusts, read from the database and read again when it changes. */
import { createHash } from "node:crypto";
import tls from "node:tls";
import type { Db } from "../db.ts";
import { servingCertificate } from "../services/certificate/serving.ts";

export type SiteTrust = {
  /** Changes exactly when any of the rest does. */
  tag: string;
  /** For names that no organisation claims, and for clients without SNI. */
  default: tls.SecureContextOptions;
  byName: Map<string, { organisationId: string; context: tls.SecureContext }>;
  defaultOrganisationId: string;
};

/** TLS settings common to all names: 1.2 and 1.3, ECDHE with AEAD only (H11), no tickets, so that every connection proves its certificate anew (H5). */
export const tlsOptions = {
  minVersion: "TLSv1.2",
  ciphers: "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
  honorCipherOrder: true,
} as const satisfies tls.SecureContextOptions;

/** Reads all organisations' agent-site certificates and CAs. Throws a sentence when there is none: bootstrap makes the first. */
export async function readTrust(db: Db): Promise<SiteTrust> {
  const organisations = await db.organisation.findMany({ orderBy: { createdAt: "asc" }, select: { id: true, agentSiteNames: true } });
  const authorities = await db.certificate.findMany({ where: { purpose: { in: ["root-ca", "issuing-ca"] }, revokedAt: null }, orderBy: { createdAt: "asc" }, select: { organisationId: true, purpose: true, pem: true, isCurrent: true } });
  // One certificate per entry: several in one text are not all read by every version (H3).
  const ca = authorities.map((authority) => authority.pem);
  const sites = [];
  for (const organisation of organisations) {
    const presented = await servingCertificate(db, organisation.id, "agent-site");
    const root = authorities.find((authority) => authority.organisationId === organisation.id && authority.purpose === "root-ca" && authority.isCurrent);
    // The root goes along: a client that knows only its fingerprint (from a token) finds it in the chain and verifies with it.
    sites.push({ organisation, options: { ...tlsOptions, cert: presented.chainPem + (root?.pem ?? ""), key: presented.keyPem, ca } satisfies tls.SecureContextOptions });
  }
  const [first] = sites;
  if (!first) throw new Error("There is no organisation yet; start the console once so that it makes one.");
  const byName = new Map(sites.flatMap(({ organisation, options }) => organisation.agentSiteNames.map((name) => [name.toLowerCase(), { organisationId: organisation.id, context: tls.createSecureContext(options) }] as const)));
  const tag = createHash("sha256").update(JSON.stringify(sites.map(({ organisation, options }) => [organisation.id, organisation.agentSiteNames, options.cert, ca]))).digest("hex");
  return { tag, default: first.options, byName, defaultOrganisationId: first.organisation.id };
}

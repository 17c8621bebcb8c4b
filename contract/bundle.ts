/**
 * The offline bundle: an agent's installer with policy, CA, pins and token, signed by the organisation (S1-57 to S1-59, N10). A tar.gz with one folder
 * `sallyport-agent/`; `manifest.json` lists every other file with size and SHA-256 and is signed (`manifest.sig`, ES256 over its bytes, base64) by the
 * certificate chain in `signer.pem`, which ends in `ca.pem`.
 */
import { z } from "zod";
import { fingerprint } from "./fingerprint.ts";

export const bundleFormat = 1;

export const bundleManifest = z.strictObject({
  format: z.literal(bundleFormat),
  bundleId: z.uuid(),
  organisationId: z.uuid(),
  organisationName: z.string().max(80),
  /** The names burnt in (S3-45): what an agent of this bundle will dial. */
  stamp: z.strictObject({ managementServer: z.string().max(300), gateways: z.array(z.string().max(300)).max(50) }),
  platform: z.enum(["linux-x64"]),
  agentVersion: z.string().max(40),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  usesMax: z.number().int().min(1),
  caFingerprint: fingerprint,
  files: z.array(z.strictObject({ path: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/).max(200), bytes: z.number().int().nonnegative(), sha256: fingerprint, isExecutable: z.boolean() })).min(1).max(64),
});
export type BundleManifest = z.infer<typeof bundleManifest>;

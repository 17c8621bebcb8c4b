/**
 * The console's agent build, as an agent fetches it to upgrade itself: a tar.gz with one folder like an offline bundle's (bundle.ts), with program and runtime and
 * nothing that is secret. `manifest.json` is signed by the organisation's signer of bundles; the agent verifies it with the CA that it already has.
 */
import { z } from "zod";
import { bundleManifest } from "./bundle.ts";

export const programManifest = z.strictObject({
  format: z.literal(1),
  /** Keeps a bundle's manifest from being taken for a program's, and the other way round: one key signs both. */
  kind: z.literal("program"),
  organisationId: bundleManifest.shape.organisationId,
  platform: bundleManifest.shape.platform,
  agentVersion: z.string().regex(/^\d{1,5}\.\d{1,5}\.\d{1,5}$/),
  createdAt: bundleManifest.shape.createdAt,
  caFingerprint: bundleManifest.shape.caFingerprint,
  files: bundleManifest.shape.files,
});
export type ProgramManifest = z.infer<typeof programManifest>;

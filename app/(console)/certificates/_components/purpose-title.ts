/** What a certificate is for, in people's words. */
import type { z } from "zod";
import type { certificatePurpose } from "@/contract/objects.ts";

export const purposeTitle = {
  "root-ca": "root CA",
  "issuing-ca": "issuing CA",
  agent: "agent",
  "gateway-control": "gateway, control",
  "gateway-listener": "gateway, listener",
  "agent-site": "agent site",
  control: "control channel",
  bundle: "bundle",
  signer: "bundle signer",
  "gateway-inside": "gateway, inside listener",
  "service-account": "service account",
  "site-server": "site server",
  service: "virtual service",
  probe: "probe",
  imported: "imported",
} as const satisfies Record<z.infer<typeof certificatePurpose>, string>;

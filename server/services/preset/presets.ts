/** Ready fillings of the virtual service form, each value with its reason. Pure: what the organisation has is handed in. */
import type { z } from "zod";
import type { poolCreate, presetInput } from "../../../contract/service-objects.ts";
import type { ServiceSettings } from "../../../contract/service-objects.ts";
import { exchangeClientAccess } from "./exchange.ts";
import { genericHttps } from "./generic-https.ts";
import { mailProxy } from "./mail-proxy.ts";
import { managementServer } from "./management-server.ts";
import { pgpEncryptionServer } from "./pgp.ts";

export type PresetInput = z.infer<typeof presetInput>;
export type Reason = { field: string; sentence: string };
export type PoolDraft = z.input<typeof poolCreate>;
export type ServiceDraft = Partial<Omit<ServiceSettings, "poolId">>;
/** What a preset sets; everything else keeps the form's default. */
export type Filling = { service: ServiceDraft; pool: Omit<PoolDraft, "name" | "members"> & { members?: PoolDraft["members"] }; reasons: Reason[] };

/** Tunnel gateways of the organisation, as members for the management server's preset. */
export type TunnelGateway = { id: string; name: string; host: string; port: number; demandsProxy: boolean };

type Preset = { name: string; sentence: string; fillIn: (input: PresetInput, gateways: readonly TunnelGateway[]) => Filling };

export const presets: Record<PresetInput["preset"], Preset> = {
  "pgp-encryption-server": { name: "PGP Encryption Server", sentence: "Cluster of PGP servers under one name: fail-over, sessions stay on their server, no second cookie for enrolling clients.", fillIn: pgpEncryptionServer },
  "exchange-client-access": { name: "Exchange client access", sentence: "Outlook on the web, Outlook and mobile devices: one HTTPS service that re-encrypts, with long waits for push mail.", fillIn: exchangeClientAccess },
  "mail-proxy": { name: "Mail proxy", sentence: "SMTP submission or relay through a proxy: the check tells the proxy's outage from the mail server's behind it.", fillIn: mailProxy },
  "management-server": { name: "Management server behind a gateway", sentence: "A gateway of ours in front of tunnel gateways: TLS passes through unchanged, so that agents meet the gateway's own certificate.", fillIn: managementServer },
  "generic-https": { name: "Generic HTTPS", sentence: "A web application: re-encrypted when the gateway has a certificate for it, passed through otherwise.", fillIn: genericHttps },
};

/** A service as the form that makes it again: JSON for `sallyport virtual-service create --from`, here or in another installation (S2-18). */
import type { z } from "zod";
import type { serviceCreate } from "../../../contract/service-objects.ts";
import { serviceLimits } from "../../../contract/virtual-service.ts";
import type { ServiceFacts } from "../lint/facts.ts";
import type { Rendered, Sheet } from "./sheet.ts";

type Form = z.input<typeof serviceCreate>;
type Limits = NonNullable<Form["limits"]>;

/** Gateways and certificates belong to an organisation; they are left out and named in a note. */
export function formOfService(service: ServiceFacts, limits: Limits): Rendered {
  const { id: _id, gatewayIds, certificates, pool, before: _before, ...fields } = service;
  const { id: _poolId, members, ...poolFields } = pool;
  const form: Form = { ...fields, limits, pool: { ...poolFields, members: members.map(({ id: _member, health: _health, certificate: _certificate, certificateFor: _for, ...member }) => member) } };
  const notes = [
    ...(gatewayIds.length > 0 ? ["Choose the gateways where it is imported (--gateways)."] : []),
    ...(certificates.length > 0 ? [`Import the certificate${certificates.length === 1 ? "" : "s"} ${certificates.map((certificate) => `"${certificate.name}"`).join(", ")} there with the key, and choose it (--certificates).`] : []),
  ];
  return { text: jsonOf(form), notes };
}

/** The balancer in front of a gateway as a service of another gateway of ours. */
export function formOfFront(sheet: Sheet): Rendered {
  const { name, port, scheduling, members, healthCheck, sendProxy, idleTimeoutMs } = sheet;
  const form: Form = { name, port, mode: "tls-passthrough", stampName: sheet.stampName, takesUnknownNames: false, sendProxy, limits: { idleTimeoutMs }, pool: { name: `${name.slice(0, 70)} pool`, scheduling, healthCheck, members } };
  return { text: jsonOf(form), notes: ["For a gateway of ours as the balancer in front: sallyport virtual-service create --from FILE."] };
}

function jsonOf(form: Form): string {
  return `${JSON.stringify(form, null, 2)}\n`;
}

/** The limits that people set; what they left alone goes on following the defaults. */
export function ownLimits(stored: unknown): Limits {
  const parsed = serviceLimits.partial().safeParse(stored ?? {});
  return parsed.success ? parsed.data : {};
}

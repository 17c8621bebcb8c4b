/** The settings sheet of a virtual service (S2-18, S3-04). */
import type { z } from "zod";
import type { sheetInput, sheetReply } from "../../../contract/service-objects.ts";
import { serviceLimits } from "../../../contract/virtual-service.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import type { ServiceFacts } from "../lint/facts.ts";
import { serviceColumns, serviceFactsOf } from "../lint/service-rows.ts";
import { addressesOf } from "../probe/addresses.ts";
import { formOfService, ownLimits } from "./form.ts";
import { renderForm, renderSheet } from "./render.ts";
import type { Sheet } from "./sheet.ts";

export async function serviceSheet(caller: Caller, input: z.infer<typeof sheetInput>): Promise<z.infer<typeof sheetReply>> {
  const row = await caller.db.virtualService.findFirst({ where: { id: input.id, organisationId: caller.organisationId }, select: { ...serviceColumns, limits: true } });
  if (!row) throw notFound("virtual service", input.id);
  const { limits, ...rest } = row;
  const service = serviceFactsOf(rest, []);
  if (input.format === "json") return renderForm(service.name, formOfService(service, ownLimits(limits)));
  const sheet = sheetOf(service, serviceLimits.parse(limits ?? {}));
  return renderSheet(input.format === "neutral" ? { ...sheet, resolvesTo: await resolved(sheet.stampName) } : sheet, input.format);
}

/** The name is one that is configured; nothing is dialled, only resolved. */
async function resolved(name: string | null): Promise<string[] | null> {
  if (name === null) return null;
  const found = await addressesOf(name);
  return found.kind === "found" ? found.addresses : null;
}

/** The values of a service that other products have too. */
export function sheetOf(service: ServiceFacts, limits: { connectTimeoutMs: number; idleTimeoutMs: number }): Sheet {
  const { name, address, port, serverNames, takesNoName, takesUnknownNames, mode, protocol, stampName, persistence, memberTls, memberHost, forwardedHeaders, sendProxy, pool } = service;
  return {
    kind: "service", name, address, port, serverNames, takesNoName, takesUnknownNames, mode, protocol, stampName, persistence, memberTls, memberHost, forwardedHeaders, sendProxy,
    scheduling: pool.scheduling, failsBack: pool.failsBack, healthCheck: pool.healthCheck, members: pool.members.map(({ name: member, host, port: memberPort, weight, maxConnections, state }) => ({ name: member, host, port: memberPort, weight, maxConnections, state })),
    clientCertificate: service.clientCertificate.demand, acceptsProxy: service.acceptProxy.kind === "required", certificates: service.certificates.map((certificate) => certificate.name),
    connectTimeoutMs: limits.connectTimeoutMs, idleTimeoutMs: limits.idleTimeoutMs, resolvesTo: null,
  };
}

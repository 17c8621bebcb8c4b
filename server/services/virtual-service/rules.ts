/** Rules of one virtual service that need nothing but the service itself: which settings do not go together (N7, S2-02). */
import { isCookiePersistence } from "../../../contract/persistence.ts";
import { endsTls } from "../../../contract/virtual-service.ts";
import { ConsoleError } from "../../errors.ts";
import type { ServiceFields } from "./settings.ts";

type Judged = Pick<ServiceFields, "name" | "mode" | "protocol" | "persistence"> & { certificateIds: readonly string[] };

export function demandServiceRules(service: Judged): void {
  demandReadableHttp(service);
  demandReadableCookies(service);
  demandCertificate(service);
}

function demandReadableHttp({ name, mode, protocol }: Judged): void {
  if (protocol !== "http" || mode !== "tls-passthrough") return;
  throw new ConsoleError("http-needs-decryption", `Service "${name}" passes TLS through unread (tls-passthrough), so it cannot speak HTTP. Choose off-loading (tls-offload) or re-encryption (tls-reencrypt), or protocol TCP.`, {
    fields: [{ path: "protocol", message: "HTTP cannot be read in pass-through" }],
  });
}

/** "To use L7 persistence the balancer must inspect the session" (S2-02). */
function demandReadableCookies({ name, mode, protocol, persistence }: Judged): void {
  if (!isCookiePersistence(persistence.kind) || protocol === "http") return;
  const way = endsTls(mode) ? "set the protocol to HTTP" : "let the service decrypt (tls-offload or tls-reencrypt) and set the protocol to HTTP";
  throw new ConsoleError("persistence-needs-http", `Service "${name}" is to keep clients by cookie (${persistence.kind}), but cookies can be read and set only in requests that the gateway decrypts and reads as HTTP. Either ${way}, or keep clients by source address or for a set time.`, {
    fields: [{ path: "persistence", message: "cookies need a mode that decrypts, and protocol HTTP" }],
  });
}

function demandCertificate({ name, mode, certificateIds }: Judged): void {
  if (!endsTls(mode) || certificateIds.length > 0) return;
  throw new ConsoleError("service-certificate-missing", `Service "${name}" ends the client's TLS (${mode}) and needs at least one certificate with its key: import one, or let the organisation's CA issue one for the service's names.`, {
    fields: [{ path: "certificateIds", message: "choose a certificate" }],
  });
}

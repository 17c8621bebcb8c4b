/**
 * The verdict on a client certificate of a virtual service, after the handshake, on resumed sessions too. The chain is decided by the
 * handshake; dates, purpose and weak algorithms are looked at again (threats.md H9). No certificate of ours is asked for: any that
 * leads to the service's anchors will do.
 */
import type tls from "node:tls";
import type { RefusalCode } from "../../contract/error-codes.ts";
import type { Engine } from "./engine.ts";
import type { LiveService } from "./live-service.ts";
import type { PeerCertificate } from "./peer-certificate.ts";
import { chainProblem } from "./verdict.ts";

export type ClientVerdict = { kind: "admitted"; peer: PeerCertificate | undefined } | { kind: "refused"; code: RefusalCode; detail: string; peer: PeerCertificate | undefined };

/** A certificate that does not hold is refused even where none is required: the client means to be somebody it cannot prove to be. */
export function judgeClient(engine: Engine, live: LiveService, socket: tls.TLSSocket): ClientVerdict {
  const { demand } = live.service.clientCertificate;
  const { compiled } = engine;
  if (demand === "none" || !compiled) return { kind: "admitted", peer: undefined };
  // Read anew each time: which chain a certificate has depends on the service's anchors.
  const peer = engine.certificates.of(socket, false);
  if (!peer && demand === "optional") return { kind: "admitted", peer: undefined };
  if (!peer) return { kind: "refused", code: "certificate-missing", detail: `service ${live.service.name} requires a client certificate and the client presented none`, peer };
  const error: unknown = socket.authorizationError;
  const anchorNames = live.compiled.clientAnchorNames.size > 0 ? live.compiled.clientAnchorNames : compiled.anchorNames;
  const problem = chainProblem({ isAuthorized: socket.authorized, authorizationError: error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error), compiled: { snapshot: compiled.snapshot, anchorNames }, nowMs: Date.now() }, peer);
  return problem ? { kind: "refused", code: problem[0], detail: problem[1].slice(0, 500), peer } : { kind: "admitted", peer };
}

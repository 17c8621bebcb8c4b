/** A service as an engine serves it: what was compiled, its TLS, and its totals, which outlive reloads. */
import type { SnapshotService } from "../../contract/virtual-service.ts";
import { endsTls } from "../../contract/virtual-service.ts";
import type { CompiledService } from "../runtime/service-plan.ts";
import { Terminator } from "./terminator.ts";

/** Totals since the engine's start, except `connections`. `isReported`: nothing moved since the last report. */
export type ServiceTotals = { connections: number; opened: number; refused: number; bytesUp: number; bytesDown: number; isReported: boolean };

export function newTotals(): ServiceTotals {
  return { connections: 0, opened: 0, refused: 0, bytesUp: 0, bytesDown: 0, isReported: false };
}

/** Counts, and remembers that there is something to report. A member's numbers move only when one of these does. */
export function count(live: LiveService, what: "connections" | "opened" | "refused", by: number): void {
  live.totals[what] += by;
  live.totals.isReported = false;
}

export type LiveService = {
  readonly compiled: CompiledService;
  readonly service: SnapshotService;
  readonly terminators: Terminator[];
  readonly totals: ServiceTotals;
};

/** Terminators by what they present, so that a reload that leaves a certificate alone keeps its session tickets good. */
export type TerminatorCache = Map<string, Terminator>;

/** Throws when TLS does not accept a certificate or the anchors. `next` gets every terminator that is in use from now on. */
export function makeLive(compiled: CompiledService, totals: ServiceTotals, cache: { known: TerminatorCache; next: TerminatorCache }): LiveService {
  const { service } = compiled;
  if (!endsTls(service.mode)) return { compiled, service, terminators: [], totals };
  const clientAnchorsPem = service.clientCertificate.demand === "none" ? null : compiled.clientAnchorsPem;
  // TCP inside TLS is nobody's protocol here: none is selected, as between a client and a server that know nothing of ALPN.
  const alpn = service.protocol === "http" ? ["h2", "http/1.1"] : null;
  const terminators = compiled.certificates.map(({ chainPem, keyPem }) => {
    // The service's id is part of it: a session of one service must not be resumed on another that asks for client certificates.
    const key = JSON.stringify([service.id, chainPem, keyPem, service.algorithms, clientAnchorsPem, alpn]);
    const terminator = cache.known.get(key) ?? cache.next.get(key) ?? new Terminator({ chainPem, keyPem, algorithms: service.algorithms, clientAnchorsPem, alpn });
    cache.next.set(key, terminator);
    return terminator;
  });
  return { compiled, service, terminators, totals };
}

/** The first certificate whose names fit what the client asked for, else the first. */
export function terminatorFor(live: LiveService, serverName: string | null): Terminator | undefined {
  const fitting = serverName === null || live.terminators.length < 2 ? 0 : live.compiled.certificates.findIndex(({ leaf }) => leaf.checkHost(serverName, { subject: "never" }) !== undefined);
  return live.terminators[Math.max(0, fitting)];
}

/** Relays in front of a bench gateway: started with settings that name it, registered in its snapshot and confirmed. */
import { createHash, randomUUID } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { SnapshotRelay } from "../../../contract/relay.ts";
import type { GatewayBench } from "../../support/gateway-bench.ts";
import { fingerprintIn, RelayProcess, type RelayOptions, type Settings, settingsOf } from "./relay-process.ts";

/** Settings whose only upstream is the bench's tunnel listener, or another port in front of it. */
export function settingsFor(bench: GatewayBench, given: Partial<Settings> & { upstreamPort?: number } = {}): Settings {
  const { upstreamPort, ...settings } = given;
  return settingsOf({ caPem: `${bench.root.certPem}${bench.issuing.certPem}`, organisationId: bench.organisationId, upstreams: [{ host: "127.0.0.1", port: upstreamPort ?? bench.listener.port, serverName: "localhost", pins: [bench.listenerCertificate.fingerprint] }], ...settings });
}

/** What the console would put into the snapshot. `fingerprints` empty: it waits for Confirm. */
export function snapshotRelayOf(settings: { name: string; relayKey: string }, fingerprints: string[], given: Partial<SnapshotRelay> = {}): SnapshotRelay {
  return { relayId: randomUUID(), name: settings.name, relayKeySha256: createHash("sha256").update(settings.relayKey).digest("hex"), fingerprints, siteId: null, dial: null, listeningAgents: [], ...given };
}

export async function register(bench: GatewayBench, ...relays: SnapshotRelay[]): Promise<void> {
  const replaced = new Set(relays.map((relay) => relay.relayId));
  bench.snapshot.relays = [...bench.snapshot.relays.filter((relay) => !replaced.has(relay.relayId)), ...relays];
  await bench.applied();
}

/** A relay that serves: registered and confirmed with the key it will have, then started. */
export async function servingRelay(bench: GatewayBench, given: Partial<Settings> & { upstreamPort?: number } = {}, options: RelayOptions = {}): Promise<{ relay: RelayProcess; row: SnapshotRelay }> {
  const settings = settingsFor(bench, given);
  const folder = options.folder ?? fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-relay-"));
  const row = snapshotRelayOf(settings, [await fingerprintIn(folder, settings.name)]);
  await register(bench, row);
  const relay = await RelayProcess.start(settings, { ...options, folder });
  await relay.serving();
  return { relay, row };
}

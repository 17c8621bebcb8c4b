/** Which registered relay says hello: by the hash of its id, compared in constant time, and a certificate confirmed for that relay. Pure. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { RelayStreamHead, SnapshotRelay } from "../../contract/relay.ts";
import type { Snapshot } from "../../contract/snapshot.ts";

export type RelayRecognition =
  | { kind: "known"; relay: SnapshotRelay }
  | { kind: "refused"; code: "relay-unknown" | "relay-not-confirmed"; detail: string; /** Known by its id only. */ relay: SnapshotRelay | undefined };

export type RelayClaim = {
  hello: Pick<Extract<RelayStreamHead, { kind: "hello" }>, "relayKey" | "organisationId" | "hostname">;
  /** SHA-256 of the certificate whose key the TLS handshake proved, lower-case hex. */
  fingerprint: string;
  /** The relay that was dialled; undefined: it came by itself. */
  expectedRelayId: string | undefined;
  snapshot: Pick<Snapshot, "organisationId" | "relays"> | undefined;
};

export function recogniseRelay({ hello, fingerprint, expectedRelayId, snapshot }: RelayClaim): RelayRecognition {
  const host = hello.hostname.replace(/[^\x20-\x7e]/g, "?");
  if (snapshot?.organisationId !== hello.organisationId) return { kind: "refused", code: "relay-unknown", detail: `the relay on ${host} has the settings of another organisation`, relay: undefined };
  const relay = byKey(snapshot.relays, hello.relayKey);
  if (!relay) return { kind: "refused", code: "relay-unknown", detail: `the relay on ${host} has an id that no relay of this gateway has`, relay: undefined };
  if (expectedRelayId !== undefined && relay.relayId !== expectedRelayId) return { kind: "refused", code: "relay-unknown", detail: `the relay on ${host} is ${relay.name}, and another one was dialled`, relay: undefined };
  if (!relay.fingerprints.includes(fingerprint)) return { kind: "refused", code: "relay-not-confirmed", detail: `the relay ${relay.name} on ${host} shows the certificate ${fingerprint.slice(0, 16)}…, which nobody has confirmed`, relay };
  return { kind: "known", relay };
}

/** Looks at every relay whichever fits, so that the time tells nothing. */
function byKey(relays: readonly SnapshotRelay[], relayKey: string): SnapshotRelay | undefined {
  const digest = createHash("sha256").update(relayKey).digest();
  let found: SnapshotRelay | undefined;
  for (const relay of relays) if (timingSafeEqual(digest, Buffer.from(relay.relayKeySha256, "hex"))) found = relay;
  return found;
}

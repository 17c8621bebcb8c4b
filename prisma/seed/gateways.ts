/** Gateways in every state, with listeners, servers, samples of the last hour and log lines. */
import type { GatewayStatus } from "../../contract/control.ts";
import { minutesBefore, type Seed, towns } from "./seed.ts";

export type SeededGateway = { id: string; fqdn: string; fingerprint: string };

/** At most this many: nobody has 500 gateways, and each writes an hour of samples. */
const gatewaysMax = 60;

export async function seedGateways(seed: Seed, serverIds: readonly string[]): Promise<SeededGateway[]> {
  const gateways = Array.from({ length: Math.min(seed.rows, gatewaysMax) }, (_unused, index) => describe(seed, index));
  for (const gateway of gateways) await write(seed, gateway, serverIds);
  await seed.db.gatewaySample.createMany({ data: gateways.filter((gateway) => gateway.state !== "waiting").flatMap((gateway) => samplesOf(seed, gateway.id)) });
  return gateways.map(({ id, fqdn, fingerprint }) => ({ id, fqdn, fingerprint }));
}

const states = ["connected", "connected", "connected", "disconnected", "waiting", "refused-snapshot", "draining"] as const;

function describe({ random, rows }: Seed, index: number) {
  const town = towns[index % towns.length] ?? "Town";
  const ascii = town.toLowerCase().normalize("NFKD").replace(/[^a-z]/g, "");
  const state = rows <= 3 ? (["connected", "disconnected", "waiting"] as const)[index % 3] ?? "connected" : states[index % states.length] ?? "connected";
  return { id: random.uuid(), listenerId: random.uuid(), certificateId: random.uuid(), name: index < towns.length ? `${town} gateway` : `${town} gateway ${Math.floor(index / towns.length) + 1}`, fqdn: `gw${index + 1}.${ascii}.example.com`, fingerprint: random.hex(64), state, tunnels: random.below(400) };
}

type Described = ReturnType<typeof describe>;

async function write(seed: Seed, gateway: Described, serverIds: readonly string[]): Promise<void> {
  const { db, organisationId, now } = seed;
  const isEnrolled = gateway.state !== "waiting";
  const lastSeenAt = gateway.state === "disconnected" ? minutesBefore(seed, 95) : now;
  if (isEnrolled) {
    await db.certificate.create({ data: { id: gateway.certificateId, organisationId, purpose: "gateway-listener", subject: `CN=${gateway.fqdn}`, names: [gateway.fqdn], issuer: `CN=${gateway.fqdn}`, serial: seed.random.hex(32), keyType: "EC P-256", fingerprint: gateway.fingerprint, thumbprintSha1: seed.random.hex(40), publicKeySha256: seed.random.hex(64), notBefore: minutesBefore(seed, 10_000), notAfter: minutesBefore(seed, -500_000), pem: "", chainPem: "" } });
  }
  const known = isEnrolled ? { enrolledAt: minutesBefore(seed, 90_000), lastSeenAt, status: statusOf(seed, gateway), statusAt: lastSeenAt, softwareVersion: "0.1.0", appliedRevision: gateway.state === "refused-snapshot" ? 6 : 7, presentedCertificateId: gateway.certificateId, clockSkewMs: 12 } : {};
  const refused = gateway.state === "refused-snapshot" ? { refusedRevision: 7, problems: [{ path: "listeners.0", code: "address-in-use", message: "Address 0.0.0.0:443 is in use by another program; free it or choose another port." }] } : {};
  await db.gateway.create({
    data: {
      id: gateway.id, organisationId, name: gateway.name, nameKey: gateway.name.toLowerCase(), publicNames: [gateway.fqdn], revision: 7, ...known, ...refused,
      connectedSince: isEnrolled && gateway.state !== "disconnected" ? minutesBefore(seed, 3_000) : null,
      listeners: { create: [{ id: gateway.listenerId, ordinal: 0, address: "0.0.0.0", port: 443 }] },
      servers: { create: serverIds.slice(0, 12).map((serverId) => ({ serverId })) },
    },
  });
  if (!isEnrolled) return;
  await db.serverReach.createMany({ data: serverIds.slice(0, 12).map((serverId, index) => ({ gatewayId: gateway.id, serverId, isReachable: index % 6 !== 5, address: `10.${index}.0.20:4726`, detail: index % 6 === 5 ? "connection refused" : "", checkedAt: lastSeenAt })) });
  await db.gatewayLog.createMany({ data: Array.from({ length: 40 }, (_unused, index) => ({ gatewayId: gateway.id, at: minutesBefore(seed, index * 7), level: index % 9 === 0 ? "error" : "warn", message: index % 9 === 0 ? "engine 1 ended and was restarted" : "a client presented a certificate that is not current", fields: { connectionId: seed.random.hex(12) } })) });
}

function statusOf(seed: Seed, gateway: Described): GatewayStatus {
  const isConnected = gateway.state === "connected";
  return {
    revision: 7, accessVersion: 120, snapshotBuiltAt: minutesBefore(seed, 55).toISOString(), isDraining: gateway.state === "draining",
    listeners: [{ listenerId: gateway.listenerId, address: "0.0.0.0", port: 443, state: gateway.state === "draining" ? "draining" : "accepting", fingerprint: gateway.fingerprint, problem: null }],
    engines: [0, 1].map((index) => ({ index, runtime: "bun 1.4.5", pid: 4_000 + index, state: "running", restarts: index, tunnels: Math.floor(gateway.tunnels / 2), residentBytes: 96_000_000 })),
    tunnels: isConnected ? gateway.tunnels : 0, bytesUp: 1_200_000_000, bytesDown: 8_400_000_000, handshakes: 90_211, channels: isConnected ? gateway.tunnels : 0, refused: 312, servers: [],
  };
}

function samplesOf(seed: Seed, gatewayId: string) {
  return Array.from({ length: 60 }, (_unused, index) => ({ gatewayId, at: new Date(Math.floor(minutesBefore(seed, index).getTime() / 60_000) * 60_000), tunnels: 80 + seed.random.below(60), bytesUp: BigInt(1_000_000 + seed.random.below(4_000_000)), bytesDown: BigInt(8_000_000 + seed.random.below(30_000_000)) }));
}

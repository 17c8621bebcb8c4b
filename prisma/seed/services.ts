/** Pools with members in every state, and the virtual services on them, with an hour of numbers and a history of health. */
import { healthCheck } from "../../contract/health-check.ts";
import { type Scheduling, schedulingMethods } from "../../contract/pool.ts";
import { endsTls, serviceFields, type ServiceLoad, type ServiceMode } from "../../contract/virtual-service.ts";
import { sealPurpose } from "../../server/services/certificate/store.ts";
import { sealKey } from "../../server/services/seal.ts";
import { newPersistenceKey } from "../../server/services/virtual-service/persistence-key.ts";
import { serviceData } from "../../server/services/virtual-service/settings.ts";
import { z } from "zod";
import { minutesBefore, numbered, type Seed, towns } from "./seed.ts";

const kinds = ["Mail", "Web mail", "Key server", "Mail proxy", "Portal"] as const;
const modes = ["tls-passthrough", "tls-offload", "tls-reencrypt", "tcp"] as const satisfies readonly ServiceMode[];
const states = [["up", "up"], ["up", "down"], ["next-hop", "up"], ["down", "down"], ["unknown", "unknown"]] as const;
const historyMax = 40;

type Described = { index: number; id: string; poolId: string; name: string; ascii: string; mode: ServiceMode; scheduling: Scheduling; gatewayId: string; members: { id: string; name: string; health: (typeof states)[number][number] }[] };

/** Returns how many services it made: as many as rows. */
export async function seedServices(seed: Seed, gatewayIds: readonly string[]): Promise<number> {
  if (gatewayIds.length === 0) return 0;
  const services = Array.from({ length: seed.rows }, (_unused, index) => describe(seed, index, gatewayIds));
  const certificateId = await writeCertificate(seed);
  await write(seed, services, certificateId);
  await seed.db.memberHealth.createMany({ data: services.flatMap((service) => service.members.filter((member) => member.health !== "unknown").map((member) => ({ gatewayId: service.gatewayId, memberId: member.id, state: member.health, cause: causeOf(member), since: minutesBefore(seed, 40 + service.index), checkedAt: seed.now, tookMs: 4.2 }))) });
  await seed.db.memberHealthEvent.createMany({ data: services.slice(0, historyMax).flatMap((service) => historyOf(seed, service)) });
  await seed.db.serviceLoad.createMany({ data: services.map((service) => ({ gatewayId: service.gatewayId, serviceId: service.id, at: seed.now, load: loadOf(seed, service) })) });
  await seed.db.serviceSample.createMany({ data: services.slice(0, historyMax).flatMap((service) => samplesOf(seed, service)) });
  return services.length;
}

function describe({ random, rows }: Seed, index: number, gatewayIds: readonly string[]): Described {
  const town = towns[index % towns.length] ?? "Town";
  const health = states[index % states.length] ?? states[0];
  return {
    index, id: random.uuid(), poolId: random.uuid(), name: numbered(`${kinds[index % kinds.length] ?? "Service"} ${town}`, index, rows), ascii: `${town.toLowerCase().normalize("NFKD").replace(/[^a-z]/g, "")}${index + 1}`,
    mode: modes[index % modes.length] ?? "tcp", scheduling: schedulingMethods[index % schedulingMethods.length] ?? "failover", gatewayId: gatewayIds[index % gatewayIds.length] ?? "",
    members: health.map((state, place) => ({ id: random.uuid(), name: `node${place + 1}`, health: state })),
  };
}

function causeOf(member: Described["members"][number]): string {
  if (member.health === "up") return `${member.name}: up`;
  return member.health === "next-hop" ? `${member.name}: up; next hop mta1.corp.example:25 refused the connection` : `${member.name}: connection refused`;
}

async function writeCertificate({ db, organisationId, random, ...seed }: Seed): Promise<string> {
  const fingerprint = random.hex(64);
  const { id } = await db.certificate.create({
    data: { organisationId, purpose: "service", name: "Demo wildcard", subject: "CN=*.example.com", names: ["*.example.com"], issuer: "CN=Issuing CA", serial: random.hex(32), keyType: "EC P-256", fingerprint, thumbprintSha1: random.hex(40), publicKeySha256: random.hex(64), notBefore: minutesBefore({ db, organisationId, random, ...seed }, 10_000), notAfter: minutesBefore({ db, organisationId, random, ...seed }, -300_000), pem: "", chainPem: "demo", sealedKey: sealKey("demo", sealPurpose("service")) },
    select: { id: true },
  });
  return id;
}

async function write({ db, organisationId }: Seed, services: readonly Described[], certificateId: string): Promise<void> {
  await db.pool.createMany({ data: services.map((service) => ({ ...poolOf(service), organisationId })) });
  await db.poolMember.createMany({ data: services.flatMap((service) => service.members.map((member, ordinal) => ({ id: member.id, poolId: service.poolId, ordinal, name: member.name, host: `${member.name}.${service.ascii}.corp.example`, port: isMail(service) ? 25 : 443, weight: ordinal === 0 ? 10 : 1 }))) });
  const persistenceKey = newPersistenceKey();
  await db.virtualService.createMany({ data: services.map((service) => ({ id: service.id, organisationId, persistenceKey, ...settingsOf(service) })) });
  await db.virtualServiceGateway.createMany({ data: services.map((service) => ({ serviceId: service.id, gatewayId: service.gatewayId })) });
  await db.virtualServiceCertificate.createMany({ data: services.filter((service) => endsTls(service.mode)).map((service) => ({ serviceId: service.id, certificateId, ordinal: 0 })) });
}

function isMail(service: Described): boolean {
  return service.index % kinds.length === 3;
}

function poolOf(service: Described) {
  const check = healthCheck.parse(isMail(service) ? { kind: "smtp", nextHop: { host: "mta1.corp.example" } } : { kind: "tcp" });
  const name = `${service.name} pool`;
  return { id: service.poolId, name, nameKey: name.toLowerCase(), scheduling: service.scheduling, isSessionBound: service.scheduling === "failover", healthCheck: check, passiveCheck: { failures: 3, holdMs: 10_000 } };
}

function settingsOf({ index, name, ascii, mode, poolId }: Described) {
  const fqdn = `${ascii}.example.com`;
  const fields = z.strictObject(serviceFields).parse({ name, isEnabled: index % 11 !== 10, port: 20_000 + index, serverNames: mode === "tcp" ? [] : [fqdn], mode, protocol: mode === "tls-offload" ? "http" : "tcp", stampName: mode === "tcp" ? null : fqdn });
  return serviceData({ ...fields, poolId, gatewayIds: [], certificateIds: [], limits: {}, note: "" });
}

function historyOf(seed: Seed, service: Described) {
  return service.members.flatMap((member) => Array.from({ length: 6 }, (_unused, index) => {
    const isDown = index % 2 === 1;
    return { poolId: service.poolId, memberId: member.id, gatewayId: service.gatewayId, at: minutesBefore(seed, 60 + index * 37), before: isDown ? "up" : "down", state: isDown ? "down" : "up", cause: isDown ? `${member.name}: connection refused` : `${member.name}: up` };
  }));
}

function loadOf({ random }: Seed, service: Described): ServiceLoad {
  const connections = random.below(300);
  const working = service.members.filter((member) => member.health !== "down");
  return {
    serviceId: service.id, connections, opened: 40_000 + random.below(10_000), refused: random.below(200), requests: 90_000, responses: [0, 88_000, 900, 900, 200], bytesUp: 900_000_000, bytesDown: 4_200_000_000,
    members: working.slice(0, 1).map((member) => ({ memberId: member.id, connections, opened: 40_000, failed: 3 })),
  };
}

function samplesOf(seed: Seed, service: Described) {
  return Array.from({ length: 60 }, (_unused, index) => ({
    gatewayId: service.gatewayId, serviceId: service.id, at: new Date(Math.floor(minutesBefore(seed, index).getTime() / 60_000) * 60_000), connections: 80 + seed.random.below(60), opened: BigInt(100 + seed.random.below(60)), requests: BigInt(1_000 + seed.random.below(900)), refused: BigInt(seed.random.below(3)),
    bytesUp: BigInt(1_000_000 + seed.random.below(4_000_000)), bytesDown: BigInt(8_000_000 + seed.random.below(30_000_000)),
  }));
}

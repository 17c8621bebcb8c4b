/** The relay's settings file and the commands that put it to work. The same file serves every node (X4-02); it holds no key. */
import type { z } from "zod";
import { relayPortDefault, relaySettings, type RelaySettings } from "../../../contract/relay.ts";
import type { relayPackage } from "../../../contract/relay-objects.ts";
import { notFound } from "../../errors.ts";
import type { Caller } from "../caller.ts";
import { trustAnchors } from "../certificate/authority.ts";
import { chainOf } from "./chain.ts";
import { endpointOf } from "./for-gateways.ts";

type Upstreams = RelaySettings["upstreams"];
const upstreamsMax = 20;

const columns = {
  id: true, name: true, relayKey: true, direction: true, address: true, agentAddress: true, behindRelayId: true,
  gateways: { orderBy: { ordinal: "asc" }, select: { gateway: { select: { publicNames: true, publicPort: true, presentedCertificateId: true } } } },
} as const;

export async function relayPackageOf(caller: Caller, input: { id: string }): Promise<z.infer<typeof relayPackage>> {
  const { organisationId } = caller;
  const rows = await caller.db.relay.findMany({ where: { organisationId }, select: columns });
  const byId = new Map(rows.map((row) => [row.id, row]));
  const relay = byId.get(input.id);
  if (!relay) throw notFound("relay", input.id);
  const chain = chainOf(byId, relay.id);
  const nearest = chain[0] ?? relay;
  const nearer = relay.behindRelayId === null ? undefined : byId.get(relay.behindRelayId);
  const [organisation, { caPem }, gateways] = await Promise.all([
    caller.db.organisation.findUniqueOrThrow({ where: { id: organisationId }, select: { name: true, trustDomain: true } }),
    trustAnchors(caller.db, organisationId),
    presentedBy(caller, nearest.gateways.map(({ gateway }) => gateway)),
  ]);
  const settings = relaySettings.parse({
    format: 1, name: relay.name, relayKey: relay.relayKey, organisationId, organisationName: organisation.name, trustDomain: organisation.trustDomain, caPem,
    // One port serves agents and an upstream that dials in.
    listen: { port: (endpointOf(relay.agentAddress) ?? endpointOf(relay.address))?.port ?? relayPortDefault },
    upstreams: relay.direction === "gateway-dials" ? [] : nearer ? throughNearer(endpointOf(nearer.agentAddress), gateways) : gateways,
  });
  return { fileName: "relay.json", settings: `${JSON.stringify(settings, null, 2)}\n`, commands: setUpCommands };
}

/** Where each gateway's tunnel entry is, with what it presents. Without a known certificate the relay checks chain and name. */
async function presentedBy(caller: Caller, gateways: readonly { publicNames: string[]; publicPort: number; presentedCertificateId: string | null }[]): Promise<Upstreams> {
  const ids = gateways.flatMap((gateway) => gateway.presentedCertificateId ?? []);
  const certificates = await caller.db.certificate.findMany({ where: { organisationId: caller.organisationId, id: { in: ids } }, select: { id: true, fingerprint: true } });
  const pins = new Map(certificates.map((certificate) => [certificate.id, certificate.fingerprint]));
  return gateways.flatMap((gateway) => {
    const [host] = gateway.publicNames;
    const pin = gateway.presentedCertificateId === null ? undefined : pins.get(gateway.presentedCertificateId);
    return host === undefined ? [] : [{ host, port: gateway.publicPort, serverName: null, pins: pin === undefined ? [] : [pin] }];
  }).slice(0, upstreamsMax);
}

/** The nearer relay ends no TLS: whoever dials it meets one of the gateways, and checks that one's certificate. */
function throughNearer(nearer: { host: string; port: number } | null, gateways: Upstreams): Upstreams {
  const [first] = gateways;
  if (!nearer || !first) return [];
  return [{ ...nearer, serverName: first.host, pins: [...new Set(gateways.flatMap((gateway) => gateway.pins))] }];
}

const setUpCommands: z.infer<typeof relayPackage>["commands"] = [
  { label: "Check what the installer needs (changes nothing)", command: "sudo sh install.sh --check" },
  { label: "Install it as a service, with relay.json beside the script", command: "sudo sh install.sh" },
  { label: "Or run it by hand", command: "./sallyport-relay run" },
  { label: "Print the id and fingerprint to compare here", command: "sallyport-relay id" },
  { label: "Try port and upstreams, and say what is wrong", command: "sallyport-relay check" },
];

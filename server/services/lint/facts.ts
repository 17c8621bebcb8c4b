/** What the rules look at: a virtual service, a pool and their surroundings as plain values, whether they are saved rows or a form that is being filled in. */
import type { z } from "zod";
import type { MemberHealthState, SeenCertificate } from "../../../contract/health-check.ts";
import type { poolFields, SnapshotMember } from "../../../contract/pool.ts";
import type { ProxyProtocolAccept, serviceFields } from "../../../contract/virtual-service.ts";

type Shape<T extends z.ZodRawShape> = z.infer<z.ZodObject<T>>;

/** The certificate that a member presents, and how it is known. */
export type MemberCertificate = Pick<SeenCertificate, "fingerprint" | "subject" | "issuer" | "names" | "notAfter"> & {
  /** Certificates sent, leaf included; null: not known. */
  chainLength: number | null;
  /** Why it would not pass the check against the service's anchors (chain and time, not the name); null: it passes; undefined: nobody has tried. */
  chainProblem: string | null | undefined;
};

export type MemberFacts = Omit<SnapshotMember, "id"> & { id: string | null; health: MemberHealthState; certificate: MemberCertificate | null; /** What it presents to clients that ask for this name, where that was looked at; else `certificate`. */ certificateFor?: ReadonlyMap<string, MemberCertificate> };

export type PoolFacts = Omit<Shape<typeof poolFields>, "name"> & { id: string | null; name: string; members: MemberFacts[] };

export type CertificateFacts = { id: string; name: string; subject: string; issuer: string; names: string[]; notAfter: Date; hasKey: boolean; /** Its issuer is neither in the chain nor a root we know. */ lacksIssuer: boolean };

export type ListenerFacts = { address: string; port: number; acceptProxy: ProxyProtocolAccept };

export type GatewayFacts = {
  id: string; name: string; publicNames: string[]; publicPort: number; isBehindLoadBalancer: boolean; isEnrolled: boolean; softwareVersion: string | null; listeners: ListenerFacts[];
};

export type ServiceFacts = Shape<typeof serviceFields> & {
  id: string | null;
  gatewayIds: string[];
  certificates: CertificateFacts[];
  pool: PoolFacts;
  /** As it is saved now; null: it is new, or nothing is being changed. */
  before: { stampName: string | null; serverNames: string[]; /** Enrolled agents that know it by a name which the change takes away. */ agents: number } | null;
};

/** Names under which agents look for gateways, with how many agents and bundles do so. */
export type KnownName = { name: string; port: number; agents: number; bundles: number };

/** What stands around a service. */
export type Surroundings = {
  now: Date;
  gateways: GatewayFacts[];
  /** The organisation's other services, without the one that is looked at. */
  services: Pick<ServiceFacts, "id" | "name" | "isEnabled" | "address" | "port" | "mode" | "serverNames" | "takesNoName" | "takesUnknownNames" | "acceptProxy" | "gatewayIds">[];
  knownNames: KnownName[];
};

/** What clients and peers of the inside listener need of the gateway: who may, where the agent is, and where things are written down. Implemented by reach.ts. */
import type net from "node:net";
import type tls from "node:tls";
import type { z } from "zod";
import type { channelReach } from "../../contract/channel.ts";
import type { RefusalCode } from "../../contract/error-codes.ts";
import type { Identity } from "../../contract/names.ts";
import type { GrantClaims, ReachAuthorisation, ReachAuthorisationReply } from "../../contract/reach.ts";
import type { Refused } from "./answer.ts";
import type { SessionLedger } from "./session-ledger.ts";
import type { AgentStream } from "./stream-to-agent.ts";

export type Denied = Refused;
export type ReachHead = z.infer<typeof channelReach>;
export type Found = ({ kind: "open"; channelGatewayId: string; whyCut: () => string } & AgentStream) | ({ kind: "refused" } & Refused);
/** A client certificate that the organisation's CA issued and that is good now. */
export type ProvenCertificate = { identity: Identity; fingerprint: string };

export type ReachDesk = {
  readonly ledger: SessionLedger;
  /** Asks the console. Rejects when it cannot be asked. */
  authorise(question: ReachAuthorisation): Promise<ReachAuthorisationReply>;
  /** Checks a grant without using it up. */
  look(grant: string): GrantClaims | Denied;
  /** Checks a grant and uses it up. */
  claim(grant: string): GrantClaims | Denied;
  /** Was this session ended in the console while it was being opened? */
  isEnded(sessionId: string): boolean;
  /** The grant was refused with this code; one that did not come as far as the agent may be used once more. */
  unused(claims: GrantClaims, code: RefusalCode): void;
  /** The client's certificate; undefined when it has none. */
  peerCertificate(socket: tls.TLSSocket): ProvenCertificate | Denied | undefined;
  /** Is this a gateway of the organisation that may ask? */
  isPeer(gatewayId: string): boolean;
  /** Does an engine of this gateway hold the agent's channel? */
  holds(agentId: string): boolean;
  /** Opens a stream: here, or at the gateway where the console says it is. A peer's request is answered from here only. */
  openStream(agentId: string, head: ReachHead, asked: { isPeer: boolean }): Promise<Found>;
  /** Writes a refusal down. */
  refused(raw: net.Socket, refusal: Refused & { target: string | null; agentId: string | null }, client: { id: string; socket?: tls.TLSSocket }): void;
};

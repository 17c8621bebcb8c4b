/** A member of a pool as this engine knows it at the moment: what the snapshot says, what the supervisor says, and how many connections it holds. */
import type { SnapshotMember } from "../../contract/pool.ts";
import { hashText } from "./rendezvous.ts";
import type { TextHash } from "./rendezvous.ts";

export class LiveMember {
  /** As the newest snapshot has it. */
  member: SnapshotMember;
  /** The supervisor's verdict; a member that was never named is up. */
  isUp = true;
  /** Connections that other engines hold, as last told. */
  elsewhere = 0;
  /** Connections of this engine, over all services. */
  connections = 0;
  readonly hash: TextHash;

  constructor(member: SnapshotMember) {
    this.member = member;
    this.hash = hashText(member.id);
  }

  /** All connections that count for its limit and for least connections. */
  get load(): number {
    return this.connections + this.elsewhere;
  }
  get isFull(): boolean {
    return this.member.maxConnections !== null && this.load >= this.member.maxConnections;
  }
  /** New sessions may come to it, as far as state, weight and health go. */
  get isWorking(): boolean {
    return this.isUp && this.member.state === "enabled" && this.member.weight > 0;
  }
  /** Clients kept on it go on coming: draining (by state or weight 0) does not end that. */
  get keepsClients(): boolean {
    return this.isUp && this.member.state !== "disabled" && !this.isFull;
  }
  /** Why it takes no new session, for the person who reads the refusal; undefined when it does. */
  get reasonOut(): string | undefined {
    const { state, weight, maxConnections } = this.member;
    if (state !== "enabled") return state === "drain" ? "drained" : "disabled";
    if (weight === 0) return "drained by weight 0";
    if (!this.isUp) return "down";
    return this.isFull ? `full (${this.load} of ${maxConnections ?? 0} connections)` : undefined;
  }
}

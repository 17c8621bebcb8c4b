/**
 * The agent's identities on disk, safe against a crash at any point (T19): `pending` (a key that waits for its certificate), `next` (issued, not yet proven),
 * `current` (has worked). A new identity replaces the old one only after its first accepted request; until then the old one stays usable.
 *
 *   pending --certificate arrives--> next --first accepted request--> current
 *
 * Each slot is one file, 0600, replaced as a whole, so that key and certificate never part.
 */
import path from "node:path";
import { z } from "zod";
import { agentPolicy } from "../../contract/agent-site.ts";
import { AgentError } from "../errors.ts";
import { makePrivateDir, readTextFile, removeFile, renameWhole, writeFileWhole } from "../files.ts";

const identity = z.strictObject({
  agentId: z.uuid(),
  organisationId: z.uuid(),
  trustDomain: z.string(),
  keyPem: z.string(),
  chainPem: z.string(),
  caPem: z.string(),
  enrolledAt: z.iso.datetime(),
});
export type StoredIdentity = z.infer<typeof identity>;

const pending = z.strictObject({
  keyPem: z.string(),
  /** The whole token text; kept 0600 until it is spent. */
  token: z.string(),
  /** Identity with which a gateway lets the enrolment pass, from an offline bundle. */
  bootstrap: z.strictObject({ chainPem: z.string(), keyPem: z.string() }).nullable(),
  /** Organisation's CA; null until first contact has found it by the token's fingerprint. */
  caPem: z.string().nullable(),
  policy: agentPolicy.nullable(),
  startedAt: z.iso.datetime(),
});
export type PendingEnrolment = z.infer<typeof pending>;

export type Slot = "current" | "next";

export class IdentityStore {
  readonly #dir: string;

  constructor(stateDir: string) {
    this.#dir = path.join(stateDir, "identity");
  }

  load(slot: Slot): StoredIdentity | undefined {
    return this.#read(slot, identity);
  }

  loadPending(): PendingEnrolment | undefined {
    return this.#read("pending", pending);
  }

  /** In the order to try: the unproven one first, then the one that has worked. */
  candidates(): { slot: Slot; identity: StoredIdentity }[] {
    return (["next", "current"] as const).flatMap((slot) => {
      const found = this.load(slot);
      return found ? [{ slot, identity: found }] : [];
    });
  }

  savePending(value: PendingEnrolment): void {
    this.#write("pending", value);
  }

  /** The certificate arrived. `next` is on disk before `pending` goes: a crash between the two repeats a spent enrolment, which answers the same. */
  saveNext(value: StoredIdentity): void {
    this.#write("next", value);
    removeFile(this.#file("pending"));
  }

  /** `next` was accepted once: it is `current` from now on. A no-op when there is none. */
  promote(): void {
    if (this.load("next")) renameWhole(this.#file("next"), this.#file("current"));
  }

  /** The unproven identity was refused, and the proven one works. */
  dropNext(): void {
    if (this.load("next")) removeFile(this.#file("next"));
  }

  dropPending(): void {
    removeFile(this.#file("pending"));
  }

  #file(slot: Slot | "pending"): string {
    return path.join(this.#dir, `${slot}.json`);
  }

  #write(slot: Slot | "pending", value: unknown): void {
    makePrivateDir(this.#dir);
    writeFileWhole(this.#file(slot), `${JSON.stringify(value, null, 1)}\n`);
  }

  #read<S extends z.ZodType>(slot: Slot | "pending", schema: S): z.infer<S> | undefined {
    const text = readTextFile(this.#file(slot));
    if (text === undefined) return undefined;
    try {
      return schema.parse(JSON.parse(text));
    } catch (cause) {
      throw new AgentError("not-enrolled", `The identity file ${this.#file(slot)} is damaged.`, cause);
    }
  }
}

/**
 * The member in use of each fail-over pool that does not fail back (S3-60): chosen here, so that all engines agree, and kept on disk,
 * so that a restart moves nobody.
 */
import path from "node:path";
import { z } from "zod";
import type { SnapshotMember, SnapshotPool } from "../../contract/pool.ts";
import type { ActiveMember } from "../engine-messages.ts";
import { readIfPresent, writeDurably } from "./durable-file.ts";

const stored = z.strictObject({ format: z.literal(1), actives: z.array(z.strictObject({ poolId: z.uuid(), memberId: z.uuid() })).max(5_000) });
export const activesFile = "actives.json";

export class ActiveMembers {
  readonly #file: string;
  #chosen = new Map<string, string>();
  #disk: Promise<void> = Promise.resolve();

  constructor(stateDir: string) {
    this.#file = path.join(stateDir, activesFile);
  }

  /** Takes up what an earlier run chose. Returns a sentence when the file was damaged: the first usable member is chosen then. */
  async load(): Promise<string | undefined> {
    const text = await readIfPresent(this.#file);
    if (text === undefined) return undefined;
    try {
      this.#chosen = new Map(stored.parse(JSON.parse(text)).actives.map(({ poolId, memberId }) => [poolId, memberId]));
      return undefined;
    } catch {
      return `${this.#file} is damaged; fail-over pools that do not fail back begin with their first usable member`;
    }
  }

  all(): ActiveMember[] {
    return [...this.#chosen].map(([poolId, memberId]) => ({ poolId, memberId }));
  }

  /** Chooses anew where the member in use cannot go on; true when a choice changed. */
  choose(pools: readonly SnapshotPool[], isUsable: (memberId: string) => boolean): boolean {
    const before = JSON.stringify(this.all());
    const next = new Map<string, string>();
    for (const pool of pools) {
      if (pool.scheduling !== "failover" || pool.failsBack) continue;
      const memberId = chooseActive(pool.members, this.#chosen.get(pool.id), isUsable);
      if (memberId !== undefined) next.set(pool.id, memberId);
    }
    this.#chosen = next;
    if (JSON.stringify(this.all()) === before) return false;
    this.#save();
    return true;
  }

  /** Resolves when every choice is on the disk. */
  async saved(): Promise<void> {
    await this.#disk;
  }

  #save(): void {
    this.#disk = this.#disk.then(async () => {
      // A full disk costs at most a move after the next restart.
      await writeDurably(this.#file, `${JSON.stringify({ format: 1, actives: this.all() } satisfies z.infer<typeof stored>)}\n`).catch(() => undefined);
    });
  }
}

/** The one in use while it can go on, else the first that can. When none can, the one in use is kept: it may be the first to come back. */
export function chooseActive(members: readonly SnapshotMember[], current: string | undefined, isUsable: (memberId: string) => boolean): string | undefined {
  const canTake = (member: SnapshotMember): boolean => member.state === "enabled" && member.weight > 0 && isUsable(member.id);
  const inUse = members.find((member) => member.id === current);
  if (inUse && canTake(inUse)) return inUse.id;
  return (members.find(canTake) ?? inUse)?.id;
}

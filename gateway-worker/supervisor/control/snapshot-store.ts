/** The last good snapshot on disk, with the one before it: what the gateway serves at once after a restart, whether the console can be reached or not (N12, T36). */
import { createHash } from "node:crypto";
import path from "node:path";
import { z } from "zod";
import { snapshot as snapshotSchema, type Snapshot } from "../../../contract/snapshot.ts";
import { makePrivateFolder, moveIfPresent, readIfPresent, writeDurably } from "../durable-file.ts";
import { explain } from "../../errors.ts";

const envelope = z.strictObject({ format: z.literal(1), sha256: z.string(), snapshot: z.unknown() });

export type LoadedSnapshot = {
  snapshot: Snapshot | undefined;
  /** Highest revision found in either file: nothing older is applied again. */
  revisionSeen: number;
  /** One sentence per file that could not be used. */
  problems: string[];
};

export class SnapshotStore {
  readonly #stateDir: string;
  readonly #file: string;
  readonly #previous: string;

  constructor(stateDir: string) {
    this.#stateDir = stateDir;
    this.#file = path.join(stateDir, "snapshot.json");
    this.#previous = path.join(stateDir, "snapshot.previous.json");
  }

  /** The newest usable snapshot; a damaged file is named and the previous copy used. Never throws for a damaged file. */
  async load(): Promise<LoadedSnapshot> {
    const problems: string[] = [];
    for (const file of [this.#file, this.#previous]) {
      const text = await readIfPresent(file);
      if (text === undefined) continue;
      try {
        const snapshot = parseStored(text);
        return { snapshot, revisionSeen: snapshot.revision, problems };
      } catch (error) {
        problems.push(`the stored snapshot ${file} is damaged (${explain(error)}); the copy before it is used`);
      }
    }
    return { snapshot: undefined, revisionSeen: 0, problems };
  }

  /** Stores a snapshot that every engine has accepted. Resolves when it is on the disk. */
  async save(snapshot: Snapshot): Promise<void> {
    await makePrivateFolder(this.#stateDir);
    const body = JSON.stringify(snapshot);
    const text = `{"format":1,"sha256":"${createHash("sha256").update(body).digest("hex")}","snapshot":${body}}\n`;
    await moveIfPresent(this.#file, this.#previous);
    await writeDurably(this.#file, text);
  }
}

function parseStored(text: string): Snapshot {
  const stored = envelope.parse(JSON.parse(text));
  const sha256 = createHash("sha256").update(JSON.stringify(stored.snapshot)).digest("hex");
  if (sha256 !== stored.sha256) throw new Error("its checksum does not fit");
  return snapshotSchema.parse(stored.snapshot);
}

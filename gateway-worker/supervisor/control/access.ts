/**
 * Who may connect, as this gateway knows it: the table in memory, and on disk a base file plus an append-only journal that is folded into the base now and then.
 * Every journal line carries a checksum; a torn last line (power cut) is dropped and asked for again, because the cursor is the version of the last whole line.
 */
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { type AccessEntry, type AccessPage, accessEntry, accessPage } from "../../../contract/access.ts";
import { explain } from "../../errors.ts";
import { makePrivateFolder, moveIfPresent, readIfPresent, removeFile, writeDurably } from "../durable-file.ts";

/** Entries per page when engines are fed: the contract's bound. */
const pageMax = 5_000;
/** Journal entries after which it is folded into the base, whatever the table's size. */
const journalEntriesMin = 20_000;

const journalEntry = z.strictObject({ after: z.number().int().nonnegative(), page: accessPage });
const baseHeader = z.strictObject({ format: z.literal(1), organisationId: z.uuid(), version: z.number().int().nonnegative(), complete: z.boolean(), entries: z.number().int().nonnegative(), sha256: z.string() });

export class AccessTable {
  /** Cursor: everything at or below it is in the table. 0 before the first page. */
  version = 0;
  /** False until the first whole table has arrived: engines are not fed before, so nobody is admitted on half a table. */
  isComplete = false;
  readonly #stateDir: string;
  readonly #organisationId: string;
  readonly #files: { base: string; basePrevious: string; journal: string; journalPrevious: string };
  #entries = new Map<string, AccessEntry>();
  #journal: FileHandle | undefined;
  #journalEntries = 0;
  /** The base on disk was found damaged: it must not take the place of the good copy before it. */
  #isBaseDamaged = false;

  constructor(stateDir: string, organisationId: string) {
    this.#stateDir = stateDir;
    this.#organisationId = organisationId;
    const file = (name: string): string => path.join(stateDir, name);
    this.#files = { base: file("access.base"), basePrevious: file("access.base.previous"), journal: file("access.journal"), journalPrevious: file("access.journal.previous") };
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Reads what is on disk. Returns one sentence per file that could not be used wholly; with both bases unusable the table starts empty and is asked for again. */
  async load(): Promise<string[]> {
    const problems: string[] = [];
    const base = await this.#loadBase(this.#files.base, problems);
    this.#isBaseDamaged = problems.length > 0;
    if (!base && await this.#loadBase(this.#files.basePrevious, problems)) await this.#loadJournal(this.#files.journalPrevious, problems);
    await this.#loadJournal(this.#files.journal, problems);
    // A clean start: whatever was torn is not appended to.
    if (problems.length > 0) await this.#compact();
    return problems;
  }

  /** Takes a page in and makes it durable. Entries at or below the cursor change nothing. */
  async take(page: AccessPage): Promise<void> {
    if (page.version < this.version) return;
    const line = JSON.stringify({ after: this.version, page });
    this.#merge(page);
    const handle = await this.#openJournal();
    await handle.appendFile(`${checksum(line)} ${line}\n`);
    await handle.datasync();
    this.#journalEntries += page.entries.length;
    if (this.#journalEntries > Math.max(journalEntriesMin, this.#entries.size)) await this.#compact();
  }

  /** The whole table in pages, for the engines. */
  *pages(): Generator<AccessPage> {
    const entries = [...this.#entries.values()];
    let from = 0;
    do {
      yield { version: this.version, entries: entries.slice(from, from + pageMax), complete: from + pageMax >= entries.length };
      from += pageMax;
    } while (from < entries.length);
  }

  async close(): Promise<void> {
    await this.#journal?.close();
    this.#journal = undefined;
  }

  #merge(page: AccessPage): void {
    for (const entry of page.entries) {
      if (entry.version <= this.version) continue;
      const key = `${entry.kind}:${entry.id}`;
      if (entry.status === "removed") this.#entries.delete(key);
      else this.#entries.set(key, entry);
    }
    this.version = Math.max(this.version, page.version);
    this.isComplete ||= page.complete;
  }

  async #loadBase(file: string, problems: string[]): Promise<boolean> {
    const text = await readIfPresent(file);
    if (text === undefined) return false;
    try {
      const end = text.indexOf("\n");
      const header = baseHeader.parse(JSON.parse(text.slice(0, end)));
      const body = text.slice(end + 1);
      if (header.organisationId !== this.#organisationId) throw new Error("it belongs to another organisation");
      if (checksum(body) !== header.sha256) throw new Error("its checksum does not fit");
      const entries = body.split("\n").filter((line) => line !== "").map((line) => accessEntry.parse(JSON.parse(line)));
      this.#entries = new Map(entries.map((entry) => [`${entry.kind}:${entry.id}`, entry]));
      this.version = header.version;
      this.isComplete = header.complete;
      return true;
    } catch (error) {
      problems.push(`the stored access table ${file} is damaged (${explain(error)}); the copy before it is used where there is one`);
      return false;
    }
  }

  async #loadJournal(file: string, problems: string[]): Promise<void> {
    const text = await readIfPresent(file);
    if (text === undefined) return;
    for (const line of text.split("\n")) {
      if (line === "") continue;
      const entry = parseLine(line);
      // A page continues the table only when nothing is missing between: after a lost base the journal alone is not the table.
      if (!entry || entry.after > this.version) {
        problems.push(`the access journal ${file} ${entry ? "does not continue the stored table" : "ends in a torn line"}; the rest is asked for again`);
        return;
      }
      this.#merge(entry.page);
      this.#journalEntries += entry.page.entries.length;
    }
  }

  async #openJournal(): Promise<FileHandle> {
    if (!this.#journal) {
      await makePrivateFolder(this.#stateDir);
      this.#journal = await open(this.#files.journal, "a", 0o600);
    }
    return this.#journal;
  }

  /** Writes the table as a new base and starts a new journal. The old pair is kept until the next time. */
  async #compact(): Promise<void> {
    await this.close();
    const body = [...this.#entries.values()].map((entry) => `${JSON.stringify(entry)}\n`).join("");
    const header = { format: 1, organisationId: this.#organisationId, version: this.version, complete: this.isComplete, entries: this.#entries.size, sha256: checksum(body) };
    await makePrivateFolder(this.#stateDir);
    if (this.#isBaseDamaged) await removeFile(this.#files.base);
    else await moveIfPresent(this.#files.base, this.#files.basePrevious);
    this.#isBaseDamaged = false;
    await writeDurably(this.#files.base, `${JSON.stringify(header)}\n${body}`);
    await moveIfPresent(this.#files.journal, this.#files.journalPrevious);
    this.#journalEntries = 0;
  }
}

/** Forgets a stored table: it belongs to another organisation than the identity. */
export async function removeAccessFiles(stateDir: string): Promise<void> {
  for (const name of ["access.base", "access.base.previous", "access.journal", "access.journal.previous"]) await removeFile(path.join(stateDir, name));
}

function parseLine(line: string): z.infer<typeof journalEntry> | undefined {
  const space = line.indexOf(" ");
  const body = line.slice(space + 1);
  if (checksum(body) !== line.slice(0, space)) return undefined;
  const parsed = journalEntry.safeParse(JSON.parse(body));
  return parsed.success ? parsed.data : undefined;
}

function checksum(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

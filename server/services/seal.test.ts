/** Sealing of private keys, and the file that holds the master key. */
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { masterKeyFromFile, open, parseMasterKey, seal, SealError } from "./seal.ts";

const master = parseMasterKey(randomBytes(32).toString("base64"), "test");
const text = "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n";

function temporaryFile(): string {
  return path.join(fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-seal-")), "data", "master.key");
}

describe("sealing", () => {
  it("opens what it sealed, and nothing of the text shows in the sealed bytes [T40]", () => {
    const sealed = seal(master, text, "certificate:agent-site");
    expect(Buffer.from(sealed).includes("PRIVATE KEY")).toBe(false);
    expect(open(master, sealed)).toBe(text);
    expect(open(master, sealed, "certificate:agent-site")).toBe(text);
    expect(seal(master, text, "certificate:agent-site")).not.toEqual(sealed);
  });

  it("refuses every altered byte [T40]", () => {
    const sealed = seal(master, text, "p");
    for (let index = 0; index < sealed.length; index += 1) {
      const altered = Uint8Array.from(sealed);
      altered[index] = (altered[index] ?? 0) ^ 1;
      expect(() => open(master, altered), `byte ${index}`).toThrow(SealError);
    }
    for (let length = 0; length < sealed.length; length += 1) expect(() => open(master, sealed.slice(0, length)), `length ${length}`).toThrow(SealError);
  });

  it("refuses a key that was moved to a row of another purpose [T40]", () => {
    expect(() => open(master, seal(master, text, "certificate:probe"), "certificate:issuing-ca")).toThrow("purpose");
  });

  it("tells a person whose master key is another one which file is meant [T40]", () => {
    const other = parseMasterKey(randomBytes(32).toString("base64"), "test");
    expect(() => open(other, seal(master, text, "p"))).toThrow("another master key");
  });
});

describe("the master key file", () => {
  it("is made once, readable by its owner only, and read again [T40]", () => {
    const file = temporaryFile();
    const made = masterKeyFromFile(file);
    expect(fs.statSync(file).mode & 0o777).toBe(0o600);
    expect(masterKeyFromFile(file).key).toEqual(made.key);
    expect(fs.readdirSync(path.dirname(file))).toEqual(["master.key"]);
  });

  it.each(["640", "604", "660", "644"])("is refused with mode %s: others could have read it [T40]", (mode) => {
    const file = temporaryFile();
    masterKeyFromFile(file);
    fs.chmodSync(file, Number.parseInt(mode, 8));
    expect(() => masterKeyFromFile(file)).toThrow("chmod 600");
  });

  it("is refused when it is not 32 bytes, and never repeated in the sentence [T40]", () => {
    const short = randomBytes(16).toString("base64");
    expect(() => parseMasterKey(short, "SALLYPORT_MASTER_KEY")).toThrow("SALLYPORT_MASTER_KEY holds 16 bytes");
    expect(() => parseMasterKey(short, "SALLYPORT_MASTER_KEY")).not.toThrow(short);
  });
});

/** The repository's own source files and what each imports, for the tests that hold the layout. */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

export const root = path.resolve(import.meta.dirname, "..", "..");

export type Import = {
  /** Path of the importing file from the repository's root, with forward slashes. */
  from: string;
  /** Path from the root (`server/db.ts`) for our own files, the package's name (`zod`, `@peculiar/x509`, `node:fs`) for others. */
  to: string;
  isOwn: boolean;
  /** The whole statement is `import type` or `export type`. */
  isType: boolean;
};

/** Files that git knows or would add, below the given folders, by extension. */
export function sourceFiles(folders: readonly string[], extensions: readonly string[] = [".ts", ".tsx", ".mjs", ".js"]): string[] {
  const listed = execFileSync("git", ["-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "--", ...folders], { cwd: root, encoding: "utf8" });
  return listed.split("\n").filter((file) => extensions.some((extension) => file.endsWith(extension)) && fs.existsSync(path.join(root, file)));
}

/** A source file's text. */
export function readSource(file: string): string {
  return fs.readFileSync(path.join(root, file), "utf8");
}

const statement = /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[\w*${}\s,]+?\s+from\s+)?["']([^"'\n]+)["']/g;
const dynamic = /\bimport\(\s*["']([^"'\n]+)["']\s*\)/g;

/** What a file imports, statically or with `import("…")`. */
export function importsOf(file: string): Import[] {
  const text = readSource(file);
  const found = [
    ...Array.from(text.matchAll(statement), (match) => ({ specifier: match[2] ?? "", isType: match[1] !== undefined })),
    ...Array.from(text.matchAll(dynamic), (match) => ({ specifier: match[1] ?? "", isType: false })),
  ];
  return found.map(({ specifier, isType }) => ({ from: file, isType, ...resolve(file, specifier) }));
}

function resolve(file: string, specifier: string): { to: string; isOwn: boolean } {
  if (specifier.startsWith("@/")) return { to: specifier.slice(2), isOwn: true };
  if (specifier.startsWith(".")) return { to: path.posix.join(path.posix.dirname(file), specifier), isOwn: true };
  if (specifier.startsWith("node:")) return { to: specifier, isOwn: false };
  const parts = specifier.split("/");
  return { to: specifier.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? specifier), isOwn: false };
}

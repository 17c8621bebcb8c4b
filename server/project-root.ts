/** Where the project lies: found from this file or from the working folder, because Next runs a bundled copy of the services from another place. */
import { readFileSync } from "node:fs";
import path from "node:path";

let found: string | undefined;

/** The folder whose package.json is Sallyport's. Throws when there is none above this file or the working folder. */
export function projectRoot(): string {
  found ??= above(import.meta.dirname) ?? above(process.cwd());
  if (found === undefined) throw new Error("the project's folder was not found; start the console from it");
  return found;
}

function above(start: string | undefined): string | undefined {
  if (start === undefined) return undefined;
  for (let folder = start; ; folder = path.dirname(folder)) {
    if (isProject(folder)) return folder;
    if (folder === path.dirname(folder)) return undefined;
  }
}

function isProject(folder: string): boolean {
  try {
    return (JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8")) as { name?: unknown }).name === "sallyport";
  } catch {
    return false; // no package.json here, or not one of a project
  }
}

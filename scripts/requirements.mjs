/**
 * `npm run requirements`: which requirement ids (S, X, N) and threats (T) no test title names, so that nobody has to guess what is unproved.
 *   --json           the same as JSON
 *   --write-fixture  writes tests/fixtures/requirement-ids.json from ../shared, for machines without that folder
 * Threat rows are numbered 1 to 40 there; here and in titles they are T01 to T40.
 */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

const root = path.join(import.meta.dirname, "..");
const fixture = path.join(root, "tests", "fixtures", "requirement-ids.json");
const shared = path.join(root, "..", "shared");

const ids = readIds();
if (process.argv.includes("--write-fixture")) {
  fs.writeFileSync(fixture, `{\n${Object.entries(ids).map(([id, text]) => `  ${JSON.stringify(id)}: ${JSON.stringify(text)}`).join(",\n")}\n}\n`);
}
const proofs = readProofs();
const unproved = Object.keys(ids).filter((id) => !proofs.has(id));
const unknown = [...proofs.keys()].filter((id) => !(id in ids));

if (process.argv.includes("--json")) {
  console.log(JSON.stringify({ total: Object.keys(ids).length, proved: Object.fromEntries([...proofs].filter(([id]) => id in ids)), unproved, unknown }, null, 2));
} else {
  for (const id of unproved) console.log(`${id.padEnd(6)} ${ids[id]}`);
  if (unknown.length > 0) console.log(`\nNamed in a title but not a requirement: ${unknown.map((id) => `${id} (${proofs.get(id)[0]})`).join(", ")}`);
  console.log(`\n${Object.keys(ids).length - unproved.length} of ${Object.keys(ids).length} are named by a test title; ${unproved.length} are not.`);
}

/** Id to its text, from the documents beside the repository or from the committed copy. */
function readIds() {
  const requirements = path.join(shared, "requirements.md");
  if (!fs.existsSync(requirements)) return JSON.parse(fs.readFileSync(fixture, "utf8"));
  const rows = (file) => fs.readFileSync(file, "utf8").split("\n").map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()));
  const named = rows(requirements).filter((cells) => /^(S\d-\d\d|X\d-\d\d|N\d{1,2})$/.test(cells[1] ?? "")).map((cells) => [cells[1], summary(cells)]);
  const threats = rows(path.join(shared, "threats.md"));
  const first = threats.findIndex((cells) => /abuse or fault/.test(cells[2] ?? ""));
  const numbered = threats.slice(first + 1).filter((cells) => /^\d{1,2}$/.test(cells[1] ?? "")).map((cells) => [`T${cells[1].padStart(2, "0")}`, cells[2]]);
  return Object.fromEntries([...named, ...numbered]);
}

/** The last cell that says something is the text; N rows have it second. */
function summary(cells) {
  const texts = cells.slice(2).filter((cell) => cell !== "");
  return (cells[1].startsWith("N") ? texts[0] : texts.at(-1)) ?? "";
}

/** Id to the test files whose titles name it: `it("… [S0-17] [T15]")`, `test(…)`, `describe(…)`. */
function readProofs() {
  const listed = execFileSync("git", ["-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard"], { cwd: root, encoding: "utf8" }).split("\n");
  const found = new Map();
  for (const file of listed.filter((name) => /\.(test|spec)\.tsx?$/.test(name) && fs.existsSync(path.join(root, name)))) {
    for (const title of fs.readFileSync(path.join(root, file), "utf8").matchAll(/\b(?:it|test|describe)(?:\.\w+)*(?:\([^"'`]{0,200}?\))?\(\s*(["'`])((?:\\.|(?!\1)[\s\S]){1,400}?)\1/g)) {
      for (const [, id] of title[2].matchAll(/\[((?:S|X)\d-\d\d|N\d{1,2}|T\d\d)\]/g)) found.set(id, [...new Set([...(found.get(id) ?? []), file])]);
    }
  }
  return found;
}

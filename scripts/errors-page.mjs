/** Writes the tables of docs/errors.md from contract/error-codes.ts; the text around them stays. Run: node scripts/errors-page.mjs */
import fs from "node:fs";
import path from "node:path";
import { agentErrors, consoleErrors, refusals } from "../contract/error-codes.ts";

const file = path.join(import.meta.dirname, "..", "docs", "errors.md");

const tables = {
  refusals: table(["Code", "HTTP", "Proxy-Status", "What happened", "What to do"], refusals, (entry) => [entry.status === 0 ? "none" : entry.status, `\`${entry.proxyStatus}\``, entry.sentence, entry.cure]),
  console: table(["Code", "HTTP", "What happened"], consoleErrors, (entry) => [entry.status, entry.sentence]),
  agent: table(["Code", "What happened", "What to do"], agentErrors, (entry) => [entry.sentence, entry.cure]),
};

let text = fs.readFileSync(file, "utf8");
for (const [name, rows] of Object.entries(tables)) {
  text = text.replace(new RegExp(`(<!-- table: ${name} -->\n)[\\s\\S]*?(<!-- end -->)`), (_all, begin, end) => `${begin}${rows}\n${end}`);
}
fs.writeFileSync(file, text);

function table(titles, entries, cells) {
  const line = (row) => `| ${row.join(" | ")} |`;
  return [line(titles), line(titles.map(() => "---")), ...Object.entries(entries).map(([code, entry]) => line([`\`${code}\``, ...cells(entry).map((cell) => String(cell).replaceAll("|", "\\|"))]))].join("\n");
}

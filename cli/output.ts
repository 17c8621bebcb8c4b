/** What people see: tables and key-value lists that fit a terminal; with --json the answer itself. Text from the console cannot move the cursor or colour the screen. */
export type Column = { readonly title: string; readonly value: (row: Row) => string; readonly isRight?: boolean };
export type Row = Record<string, unknown>;

/** Where a command writes; tests give their own. */
export type Screen = { readonly out: (text: string) => void; readonly err: (text: string) => void; readonly width: number };

export function printJson(screen: Screen, value: unknown): void {
  screen.out(`${JSON.stringify(value, null, 2)}\n`);
}

/** A table with its header; the widest text column is cut to what fits. */
export function printTable(screen: Screen, columns: readonly Column[], rows: readonly Row[]): void {
  const cells = rows.map((row) => columns.map((column) => plain(column.value(row))));
  const widths = columns.map((column, index) => Math.max(column.title.length, ...cells.map((line) => line[index]?.length ?? 0)));
  fit(widths, screen.width - 2 * (columns.length - 1));
  const line = (texts: readonly string[]) => texts.map((text, index) => pad(text, widths[index] ?? 0, columns[index]?.isRight ?? false)).join("  ").trimEnd();
  screen.out(`${line(columns.map((column) => column.title.toUpperCase()))}\n`);
  for (const texts of cells) screen.out(`${line(texts)}\n`);
}

/** `key  value` lines; nested objects are indented. */
export function printDetail(screen: Screen, value: unknown): void {
  for (const line of detailLines(value, "")) screen.out(`${line}\n`);
}

/** Removes control characters: a name from the database must not drive the terminal. Line breaks become spaces. */
export function plain(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are exactly what is removed
  return text.replace(/[\r\n\t]+/g, " ").replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "");
}

/** One value as a person reads it in a cell. */
export function cell(value: unknown): string {
  if (value === null || value === undefined || value === "") return "-";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.length === 0 ? "-" : value.map(cell).join(", ");
  return typeof value === "string" || typeof value === "number" ? String(value) : nameOf(value as Row);
}

/** `2026-11-23 00:10` in local time, or how long ago for the last day. */
export function time(value: unknown): string {
  const at = typeof value === "string" ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(at)) return "-";
  const seconds = Math.round((Date.now() - at) / 1000);
  if (seconds >= 0 && seconds < 60) return `${seconds} s ago`;
  if (seconds >= 0 && seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds >= 0 && seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  const date = new Date(at);
  const two = (part: number) => String(part).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

const isoTime = /^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/;

function nameOf(value: Row): string {
  const name = ["name", "hostname", "label", "kind", "id"].map((key) => value[key]).find((text) => typeof text === "string");
  return name ?? JSON.stringify(value);
}

function detailLines(value: unknown, indent: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => (isNested(item) ? [`${indent}-`, ...detailLines(item, `${indent}  `)] : [`${indent}- ${plain(cell(item))}`]));
  if (typeof value !== "object" || value === null) return [`${indent}${plain(cell(value))}`];
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  const width = Math.max(0, ...entries.map(([key]) => words(key).length));
  return entries.flatMap(([key, inner]) => {
    const title = `${indent}${words(key).padEnd(width)}`;
    if (typeof inner === "string" && inner.includes("\n")) return [title.trimEnd(), ...inner.trimEnd().split("\n").map((line) => `${indent}  ${plain(line)}`)];
    if (isNested(inner)) return [title.trimEnd(), ...detailLines(inner, `${indent}  `)];
    return [`${title}  ${plain(typeof inner === "string" && isoTime.test(inner) ? `${inner} (${time(inner)})` : cell(inner))}`];
  });
}

/** Objects, and lists that hold objects with more than a name, get lines of their own. */
function isNested(value: unknown): boolean {
  if (Array.isArray(value)) return value.some((item) => typeof item === "object" && item !== null && Object.keys(item).some((key) => !["id", "name", "kind"].includes(key)));
  return typeof value === "object" && value !== null && Object.keys(value).some((key) => !["id", "name"].includes(key));
}

/** `lastSeenAt` to `last seen at`. */
export function words(key: string): string {
  return key.replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase();
}

function pad(text: string, width: number, isRight: boolean): string {
  const cut = text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text;
  return isRight ? cut.padStart(width) : cut.padEnd(width);
}

/** Shrinks the widest column, one character at a time, until the line fits; none below 8. */
function fit(widths: number[], room: number): void {
  let over = widths.reduce((sum, width) => sum + width, 0) - room;
  while (over > 0) {
    const widest = Math.max(...widths);
    if (widest <= 8) return;
    widths[widths.indexOf(widest)] = widest - 1;
    over -= 1;
  }
}

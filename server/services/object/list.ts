/** Search and paging shared by all lists. */

/** A search text as a LIKE pattern that means only itself: %, _ and \ lose their special meaning. */
export function likeLiteral(text: string): string {
  return text.replace(/[\\%_]/g, "\\$&");
}

/** Prisma filter "contains, in any case" for a text column; undefined when nothing is searched. */
export function containing(text: string): { contains: string; mode: "insensitive" } | undefined {
  return text === "" ? undefined : { contains: likeLiteral(text), mode: "insensitive" };
}

/** Where a page starts and how long it is. */
export function pageOf(input: { page: number; pageSize: number }): { skip: number; take: number } {
  return { skip: (input.page - 1) * input.pageSize, take: input.pageSize };
}

export function direction(input: { desc: boolean }): "asc" | "desc" {
  return input.desc ? "desc" : "asc";
}

/** Puts rows into the order of `ids`; ids without a row (deleted meanwhile) are left out. */
export function inOrderOf<T extends { id: string }>(ids: readonly string[], rows: readonly T[]): T[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}

export function iso(date: Date): string {
  return date.toISOString();
}

export function isoOrNull(date: Date | null): string | null {
  return date?.toISOString() ?? null;
}

/** Text from outside as PostgreSQL can hold it: an agent, or anybody at a gateway's port, must not be able to make a whole report unstorable with one character. */

/** A copy in which every text is whole characters without NUL, at any depth. */
export function storable<T>(value: T): T {
  return copyOf(value) as T; // the same shape: only the characters of texts change
}

function copyOf(value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed().replaceAll("\u0000", "\ufffd");
  if (Array.isArray(value)) return value.map(copyOf);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [copyOf(key), copyOf(inner)]));
}

/** Reading `Cookie` and `Set-Cookie` as far as persistence needs it, without touching what it does not own (S3-15, RFC 6265). */

export type CookiePair = { name: string; value: string };

/** The pairs of one Cookie field value, in order. A part without `=` is a value without a name. */
export function cookiePairs(text: string): CookiePair[] {
  return text.split(";").map((part) => {
    const at = part.indexOf("=");
    return at < 0 ? { name: "", value: part.trim() } : { name: part.slice(0, at).trim(), value: part.slice(at + 1).trim() };
  });
}

/**
 * Goes over the pairs of all Cookie fields; `change` returns the new value, null to take the pair out, or undefined to leave it.
 * Fields in which nothing changed stay byte for byte; one that would be empty goes. Undefined: nothing changed at all.
 */
export function rewriteCookies(fields: readonly string[], change: (pair: CookiePair) => string | null | undefined): string[] | undefined {
  let isChanged = false;
  const next: string[] = [];
  for (const text of fields) {
    const { text: changed, isEmpty } = rewriteOne(text, change);
    if (changed !== text) isChanged = true;
    if (!isEmpty) next.push(changed);
  }
  return isChanged ? next : undefined;
}

function rewriteOne(text: string, change: (pair: CookiePair) => string | null | undefined): { text: string; isEmpty: boolean } {
  const parts: string[] = [];
  let isChanged = false;
  for (const [index, part] of text.split(";").entries()) {
    const [pair] = cookiePairs(part);
    const value = pair ? change(pair) : undefined;
    if (value === undefined || !pair) parts.push(part);
    else {
      isChanged = true;
      if (value !== null) parts.push(`${index === 0 ? "" : " "}${pair.name}=${value}`);
    }
  }
  if (!isChanged) return { text, isEmpty: false };
  const joined = parts.join(";").trimStart();
  return { text: joined, isEmpty: joined === "" };
}

export type SetCookie = { name: string; value: string; /** From the first `;` on, byte for byte. */ attributes: string };

/** Undefined for a value without a name: nobody's cookie. */
export function readSetCookie(text: string): SetCookie | undefined {
  const end = text.indexOf(";");
  const pair = end < 0 ? text : text.slice(0, end);
  const at = pair.indexOf("=");
  return at <= 0 ? undefined : { name: pair.slice(0, at).trim(), value: pair.slice(at + 1).trim(), attributes: end < 0 ? "" : text.slice(end) };
}

/** How long the cookie lives from now, in milliseconds: 0 or less when this deletes it, null until the browser closes. Max-Age wins over Expires. */
export function cookieLifeMs({ value, attributes }: SetCookie, nowMs: number): number | null {
  const maxAge = /;\s*max-age\s*=\s*"?(-?\d{1,12})/i.exec(attributes)?.[1];
  if (maxAge !== undefined) return Number(maxAge) * 1_000;
  const expires = /;\s*expires\s*=\s*"?([^;"]+)/i.exec(attributes)?.[1];
  const atMs = expires === undefined ? Number.NaN : Date.parse(expires.replace(/-/g, " "));
  if (!Number.isNaN(atMs)) return atMs - nowMs;
  // Applications also log out by emptying the value.
  return value === "" || value === '""' ? 0 : null;
}

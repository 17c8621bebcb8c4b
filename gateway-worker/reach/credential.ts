/** Reads who asks from a CONNECT head that readConnectHead has accepted: `Proxy-Authorization: Bearer` (RFC 6750) or `Basic` (RFC 7617) with the secret as password. Pure. */

export type Credential =
  | { kind: "none" }
  | { kind: "grant"; grant: string }
  | { kind: "api-key"; secret: string }
  | { kind: "refused"; detail: string };

/** Longer ones are refused unread. */
const secretMax = 4_000;

export function readCredential(head: Buffer): Credential {
  const values = head.toString("latin1").split("\r\n").slice(1).flatMap((line) => /^proxy-authorization:[\t ]*(.*?)[\t ]*$/i.exec(line)?.[1] ?? []);
  const [value] = values;
  if (value === undefined) return { kind: "none" };
  if (values.length > 1) return { kind: "refused", detail: "The request has more than one Proxy-Authorization field." };
  const [, scheme = "", rest = ""] = /^([A-Za-z]+) +(\S+)$/.exec(value) ?? [];
  const secret = scheme.toLowerCase() === "bearer" ? rest : scheme.toLowerCase() === "basic" ? passwordOf(rest) : undefined;
  if (secret === undefined || secret.length < 10 || secret.length > secretMax || !/^[\x21-\x7e]+$/.test(secret)) return { kind: "refused", detail: "Proxy-Authorization is neither Bearer nor Basic with an API key or a grant." };
  // A compact JWS has three parts; an API key has none.
  return /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(secret) ? { kind: "grant", grant: secret } : { kind: "api-key", secret };
}

function passwordOf(text: string): string | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
  const pair = Buffer.from(text, "base64").toString("utf8");
  const colon = pair.indexOf(":");
  return colon < 0 ? undefined : pair.slice(colon + 1);
}

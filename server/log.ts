/** Structured log of the console, one JSON object a line. Keys that can hold a secret are replaced before writing (T40). */
import pino from "pino";

const secretKeys = ["password", "token", "secret", "key", "keyPem", "sealedKey", "authorization", "cookie", "pkcs12Base64", "certificateKey"];

/** The process's logger; give it fields first, then a sentence. */
export const log = pino({
  base: null,
  timestamp: pino.stdTimeFunctions.isoTime,
  redact: { paths: secretKeys.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: "[secret]" },
});

/** An error as log fields: name, code and message of the whole cause chain, and the stack of the outermost. */
export function errorFields(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { error: String(error) };
  const chain: string[] = [];
  for (let current: unknown = error; current instanceof Error && chain.length < 5; current = current.cause) chain.push(`${current.name}: ${current.message}`);
  return { error: chain.join(" <- "), stack: error.stack };
}

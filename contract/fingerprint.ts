/**
 * Certificate fingerprints in text form. A fingerprint is the SHA-256 of the DER, lower-case hex without separators (DESIGN section 2).
 * People paste them with colons, spaces or capitals; they are parsed once, here.
 */
import { z } from "zod";

/** Strips separators people paste (`AA:BB`, groups of four) and lower-cases; does not check the length. */
export function normaliseHex(text: string): string {
  return text.replace(/[\s:-]/g, "").toLowerCase();
}

/** A SHA-256 fingerprint (64 hex digits, with or without separators), normalised to lower-case hex. */
export const fingerprint = z
  .string()
  .max(200)
  .transform(normaliseHex)
  .refine((hex) => /^[0-9a-f]{64}$/.test(hex), {
    error: (issue) => {
      const hex = String(issue.input);
      return /^[0-9a-f]{40}$/.test(hex)
        ? "this is a SHA-1 thumbprint (40 hex digits); a pin needs the SHA-256 fingerprint (64 hex digits), shown next to it"
        : `expected a SHA-256 fingerprint of 64 hex digits, got ${hex.length} characters`;
    },
  });

/** Groups of four for reading aloud: `ab12 cd34 …`. */
export function groupHex(hex: string): string {
  return hex.replace(/(.{4})(?=.)/g, "$1 ");
}

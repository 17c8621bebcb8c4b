/** PEM texts that hold several certificates, as the settings file's `caPem` does. */

/** Each certificate by itself: not every runtime reads more than the first of one text. */
export function splitPem(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}

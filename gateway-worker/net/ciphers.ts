/** The cipher suites of every TLS connection of the data plane (H11). */

/** Forward secrecy and authenticated encryption only: no RSA key exchange, no CBC (H11). TLS 1.3 suites first. */
export const ciphers = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/** What FIPS 140-3 approves of the above (S1-28): ECDHE with AES-GCM. Bun knows no list of TLS 1.3 suites, so `isApproved` looks at what was agreed. */
export const approvedCiphers = ciphers.split(":").filter((name) => !name.includes("CHACHA20")).join(":");

/** Whether a finished handshake agreed on an approved cipher; `name` is OpenSSL's or the IANA name. A session resumed from before the restriction is caught here too. */
export function isApproved(name: string): boolean {
  return /^(TLS_)?(ECDHE[-_]|AES_)/.test(name) && /AES[-_]?(128|256)[-_]GCM/.test(name);
}

/** What the channel benchmark needs of an organisation: a CA, a gateway's certificate, agents with theirs, and the console's signing key. */
import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { publicJwk, type PublicJwk } from "../contract/command.ts";
import { formatIdentity } from "../contract/names.ts";
import { type GrantClaims, grantType } from "../contract/reach.ts";
import { TestCa } from "../tests/support/pki.ts";
import { organisationId, trustDomain } from "./pki.ts";

export const gatewayId = "0b0e0d52-7a3f-4c39-9d64-0a1f6a1f0012";
export type BenchAgent = { id: string; chainPem: string; keyPem: string; fingerprint: string };
/** The file `channel.json`, which gateway and agents read. */
export type ChannelBenchFiles = { caPem: string; server: { chainPem: string; keyPem: string; fingerprint: string }; consoleKey: PublicJwk; agents: BenchAgent[] };
export type ChannelPki = ChannelBenchFiles & {
  /** A grant for one session of the first agent. */
  grant: (port: number) => Promise<string>;
};

/** Makes `agents` identities and writes the file into `dir`. */
export async function makeChannelPki(dir: string, agents: number): Promise<ChannelPki> {
  const ca = await TestCa.root({ commonName: "bench CA" });
  const server = await ca.issue({ commonName: "bench", dns: ["localhost"], ips: ["127.0.0.1"], usage: ["server", "client"] });
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  const { kty, crv, x, y } = await exportJWK(publicKey);
  const consoleKey = publicJwk.parse({ kty, crv, x, y, kid: "bench" });
  const identities: BenchAgent[] = [];
  for (let count = 0; count < agents; count += 1) {
    const id = randomUUID();
    const issued = await ca.issue({ commonName: "agent", uris: [formatIdentity({ trustDomain, organisationId, kind: "agent", id })] });
    identities.push({ id, chainPem: issued.chainPem, keyPem: issued.keyPem, fingerprint: issued.fingerprint });
  }
  const files: ChannelBenchFiles = { caPem: ca.certPem, server: { chainPem: server.chainPem, keyPem: server.keyPem, fingerprint: server.fingerprint }, consoleKey, agents: identities };
  writeFileSync(`${dir}/channel.json`, JSON.stringify(files), { mode: 0o600 });
  const agent = identities[0]?.id ?? "";
  const grant = async (port: number): Promise<string> => {
    const now = Math.floor(Date.now() / 1_000);
    const claims: GrantClaims = { iss: organisationId, aud: "reach", jti: randomUUID(), sub: "user:bench", name: "bench", agent, host: "127.0.0.1", port, iat: now, exp: now + 100, until: now + 3_600 };
    return await new SignJWT(claims).setProtectedHeader({ alg: "ES256", typ: grantType, kid: consoleKey.kid }).sign(privateKey);
  };
  return { ...files, grant };
}

export function readChannelFiles(dir: string): ChannelBenchFiles {
  return JSON.parse(readFileSync(`${dir}/channel.json`, "utf8")) as ChannelBenchFiles;
}

/** Turns a one-time token into this gateway's identity: verify the console by the token's CA fingerprint, send a CSR, store what comes back. Repeatable after a crash or a lost reply. */
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { parseToken, type TokenContent } from "../../../contract/enrolment.ts";
import { gatewayVersion } from "../../config.ts";
import { GatewayError } from "../../errors.ts";
import { ConsoleLink, fetchRootByFingerprint } from "../control/console-link.ts";
import { readIfPresent, removeFile } from "../durable-file.ts";
import { makeKey, makeRequest } from "./keypair.ts";
import { dropPendingKey, type GatewayIdentity, pendingKey, saveIdentity } from "./store.ts";

/** Reads and checks a token text for a gateway. The error never repeats the token. */
export function readGatewayToken(text: string): TokenContent {
  const parsed = parseToken(text);
  if ("error" in parsed) throw new GatewayError("token", `${parsed.error}.`);
  if (parsed.kind !== "gateway") throw new GatewayError("token", "This token enrols an agent, not a gateway; make one on the gateway's page in the console.");
  return parsed.content;
}

/** SHA-256 over what makes a token this token. */
export function hashToken(token: TokenContent): string {
  return createHash("sha256").update(`${token.organisationId} ${token.secret}`).digest("hex");
}

/** The token in `file`, unless there is none or it gave `stored` its identity already. */
export async function newTokenIn(file: string | undefined, stored: GatewayIdentity | undefined): Promise<TokenContent | undefined> {
  const text = file === undefined ? undefined : await readIfPresent(file);
  if (text === undefined) return undefined;
  const token = readGatewayToken(text);
  return stored?.tokenSha256 === hashToken(token) ? undefined : token;
}

/** Enrols with the token in `file`, which is removed once the identity is stored: a spent token is of no use to anybody. */
export async function enrolFromFile(stateDir: string, file: string): Promise<GatewayIdentity> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new GatewayError("token", `The enrolment token file ${file} cannot be read; write the token from the console into it, mode 0600.`, cause);
  });
  const identity = await enrol(stateDir, readGatewayToken(text));
  await removeFile(file).catch(() => {
    // A read-only token file is harmless: the token in it is spent.
  });
  return identity;
}

/** Enrols and stores the identity. The same token and the same stored key give the same certificate again (T19). */
export async function enrol(stateDir: string, token: TokenContent): Promise<GatewayIdentity> {
  const address = { host: token.host, port: token.port, organisationId: token.organisationId };
  const rootPem = await fetchRootByFingerprint(address, token.caFingerprint);
  const keyPem = await pendingKey(stateDir, () => makeKey("ec-p256"));
  const csrPem = await makeRequest({ keyPem, keyType: "ec-p256", commonName: "sallyport-gateway", names: [] });
  const link = await ConsoleLink.open({ address, caPem: rootPem });
  try {
    const reply = await link.enrol({ secret: token.secret, csrPem, version: gatewayVersion, hostname: hostname().slice(0, 253) }).catch(async (error: unknown) => {
      if (error instanceof GatewayError && error.code === "console-refused") await dropPendingKey(stateDir);
      throw error;
    });
    checkReply(reply, token, keyPem);
    const identity: GatewayIdentity = {
      format: 1,
      gatewayId: reply.gatewayId,
      name: reply.name,
      organisationId: reply.organisationId,
      trustDomain: reply.trustDomain,
      console: { host: token.host, port: token.port },
      caPem: reply.caPem,
      certificateChainPem: reply.certificateChainPem,
      keyPem,
      enrolledAt: new Date().toISOString(),
      tokenSha256: hashToken(token),
    };
    await saveIdentity(stateDir, identity);
    return identity;
  } finally {
    link.close();
  }
}

/** The reply must be for our key, of the token's organisation, and its CA the one the token names: a mistaken console must not replace the trust we just checked. */
function checkReply(reply: { certificateChainPem: string; organisationId: string; caPem: string }, token: TokenContent, keyPem: string): void {
  const belongs = new X509Certificate(reply.certificateChainPem).checkPrivateKey(createPrivateKey(keyPem));
  const root = createHash("sha256").update(new X509Certificate(reply.caPem).raw).digest("hex");
  if (!belongs || reply.organisationId !== token.organisationId || root !== token.caFingerprint) {
    throw new GatewayError("console-protocol", "The console's answer to the enrolment does not fit the token; nothing was stored. Make a new token and try again.");
  }
}

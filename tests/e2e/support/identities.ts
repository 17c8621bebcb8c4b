/** Client identities with nothing but openssl and the agent site's enrolment call: no program of ours makes or holds the key. */
import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import https from "node:https";
import { join } from "node:path";
import { promisify } from "node:util";
import { type AgentEnrolmentReply, agentEnrolmentReply, parseToken, type TokenContent } from "../../../contract/enrolment.ts";

export type Identity = { agentId: string; keyPem: string; chainPem: string };
export type KeyAndCsr = { hostname: string; keyPem: string; csrPem: string };

/** What came of one enrolment call; `lost` is a connection that ended without an answer. */
export type EnrolmentOutcome = { kind: "issued"; reply: AgentEnrolmentReply } | { kind: "refused"; status: number; code: string } | { kind: "lost" };

/** A new ECDSA P-256 key and a CSR for it. */
export async function makeKeyAndCsr(directory: string, hostname: string): Promise<KeyAndCsr> {
  const [key, csr] = [join(directory, `${hostname}.key`), join(directory, `${hostname}.csr`)];
  await promisify(execFile)("openssl", ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", csr, "-subj", `/CN=${hostname}`]);
  return { hostname, keyPem: readFileSync(key, "utf8"), csrPem: readFileSync(csr, "utf8") };
}

/** The content of a token text. */
export function contentOf(token: string): TokenContent {
  const parsed = parseToken(token);
  if ("error" in parsed) throw new Error(parsed.error);
  return parsed.content;
}

/** Posts one enrolment to the agent site on the loopback; never throws. `onSent` is called when all of it has been handed to the network. */
export async function requestEnrolment(port: number, token: TokenContent, { hostname, csrPem }: KeyAndCsr, onSent?: () => void): Promise<EnrolmentOutcome> {
  const body = JSON.stringify({ secret: token.secret, csrPem, hostname, platform: "linux-x64", version: "0.0.0", previousAgentId: null });
  return await new Promise((resolve) => {
    // The site is verified below, by the token's CA fingerprint; `agent: false` gives each caller a connection of its own.
    const request = https.request({ host: "127.0.0.1", port, servername: "localhost", path: "/v1/enrol", method: "POST", agent: false, rejectUnauthorized: false, timeout: 20_000, headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) } }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("error", () => resolve({ kind: "lost" })).on("close", () => resolve(response.complete ? outcomeOf(response.statusCode ?? 0, text, token) : { kind: "lost" }));
    });
    request.on("timeout", () => request.destroy()).on("error", () => resolve({ kind: "lost" })).on("close", () => resolve({ kind: "lost" }));
    if (onSent) request.once("finish", onSent);
    request.end(body);
  });
}

function outcomeOf(status: number, text: string, token: TokenContent): EnrolmentOutcome {
  const answer: unknown = JSON.parse(text);
  if (status !== 200) return { kind: "refused", status, code: (answer as { error: { code: string } }).error.code };
  const reply = agentEnrolmentReply.parse(answer);
  const root = new X509Certificate(reply.caPem).fingerprint256.replaceAll(":", "").toLowerCase();
  if (root !== token.caFingerprint) throw new Error(`the reply's root ${root} is not the token's ${token.caFingerprint}`);
  return { kind: "issued", reply };
}

/** A whole new identity; throws when it is refused. */
export async function enrolClient(options: { directory: string; hostname: string; port: number; token: string }): Promise<Identity> {
  const key = await makeKeyAndCsr(options.directory, options.hostname);
  const outcome = await requestEnrolment(options.port, contentOf(options.token), key);
  if (outcome.kind !== "issued") throw new Error(`enrolling ${options.hostname} came to ${JSON.stringify(outcome)}`);
  return { agentId: outcome.reply.agentId, keyPem: key.keyPem, chainPem: outcome.reply.certificateChainPem };
}

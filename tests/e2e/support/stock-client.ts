/** An identity for stock programs: key and request made by openssl, enrolled by curl with a token; no program of ours on the endpoint. */
import { mkdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { parseToken } from "../../../contract/enrolment.ts";
import { run } from "./command.ts";

export type StockClient = { chain: string; key: string; ca: string; agentId: string };

/** Enrols at the agent site that `token` names, verified by `caPem`; the files are written to `directory`. Throws with what curl printed. */
export async function enrolStockClient(token: string, caPem: string, directory: string): Promise<StockClient> {
  const parsed = parseToken(token);
  if ("error" in parsed) throw new Error(parsed.error);
  const { host, port, secret } = parsed.content;
  mkdirSync(directory, { recursive: true });
  const file = (name: string): string => join(directory, name);
  writeFileSync(file("ca.pem"), caPem);
  const made = await run("openssl", ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", file("key.pem"), "-subj", "/CN=stock"]);
  if (made.code !== 0) throw new Error(made.stderr);
  const body = JSON.stringify({ secret, csrPem: made.stdout, hostname: `stock-${hostname()}`, platform: "linux", version: "curl", previousAgentId: null });
  const answer = await run("curl", ["-sS", "--fail-with-body", "--cacert", file("ca.pem"), "-H", "content-type: application/json", "--data-binary", "@-", `https://${host}:${port}/v1/enrol`], { input: body });
  if (answer.code !== 0) throw new Error(`${answer.stdout}${answer.stderr}`);
  const reply = JSON.parse(answer.stdout) as { agentId: string; certificateChainPem: string };
  writeFileSync(file("chain.pem"), reply.certificateChainPem);
  return { chain: file("chain.pem"), key: file("key.pem"), ca: file("ca.pem"), agentId: reply.agentId };
}

/** Certificates for the benchmarks, made with openssl: one CA, one server certificate, one agent certificate, all ECDSA P-256. */
import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const organisationId = "0b0e0d52-7a3f-4c39-9d64-0a1f6a1f0001";
export const agentId = "0b0e0d52-7a3f-4c39-9d64-0a1f6a1f0002";
export const groupId = "0b0e0d52-7a3f-4c39-9d64-0a1f6a1f0003";
export const trustDomain = "sallyport.internal";

export type BenchPki = { dir: string; ca: string; serverCert: string; serverKey: string; clientCert: string; clientKey: string; clientFingerprint: string };

/** Makes the files in `dir` and returns their contents as PEM. Throws when openssl is missing. */
export function makeBenchPki(dir: string): BenchPki {
  const run = (args: string[]): void => {
    execFileSync("openssl", args, { cwd: dir, stdio: "pipe" });
  };
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  run(["req", "-x509", ...newKey, "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=bench CA", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]);
  const issue = (name: string, extensions: string): void => {
    writeFileSync(join(dir, `${name}.ext`), `basicConstraints=critical,CA:false\nkeyUsage=critical,digitalSignature\n${extensions}\n`);
    run(["req", ...newKey, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`]);
    run(["x509", "-req", "-in", `${name}.csr`, "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30", "-extfile", `${name}.ext`, "-out", `${name}.pem`]);
  };
  issue("server", "extendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost,IP:127.0.0.1");
  issue("client", `extendedKeyUsage=clientAuth\nsubjectAltName=URI:spiffe://${trustDomain}/org/${organisationId}/agent/${agentId}`);
  const read = (name: string): string => readFileSync(join(dir, name), "utf8");
  writeFileSync(join(dir, "server.both"), read("server.pem") + read("server.key"));
  const clientCert = read("client.pem");
  const clientFingerprint = createHash("sha256").update(new X509Certificate(clientCert).raw).digest("hex");
  return { dir, ca: read("ca.pem"), serverCert: read("server.pem"), serverKey: read("server.key"), clientCert, clientKey: read("client.key"), clientFingerprint };
}

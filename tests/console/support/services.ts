/** Forms of virtual services, and certificates in an organisation, for tests of the planner. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { z } from "zod";
import { servicePlanInput } from "../../../contract/service-objects.ts";
import { db } from "../../../server/db.ts";
import { storeCertificate } from "../../../server/services/certificate/store.ts";
import type { Issued } from "../../support/pki.ts";
import type { Organisation } from "./console.ts";

const run = promisify(execFile);

/** What a form sends, with the defaults of the contract. */
export function formOf(input: z.input<typeof servicePlanInput>): z.infer<typeof servicePlanInput> {
  return servicePlanInput.parse(input);
}

/** An imported certificate with its key; its id. */
export async function importCertificate(organisation: Organisation, name: string, issued: Issued): Promise<string> {
  const stored = await db().$transaction((tx) => storeCertificate(tx, { organisationId: organisation.id, purpose: "imported", name, pem: issued.certPem, chainPem: issued.chainPem, keyPem: issued.keyPem }));
  return stored.certificateId;
}

/** What `openssl s_client -verify_hostname` says of a port: true when the name fits. Throws when no handshake came about, or the chain is not trusted. */
export async function opensslAccepts(port: number, name: string, caFile: string): Promise<boolean> {
  const child = run("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, "-servername", name, "-verify_hostname", name, "-CAfile", caFile, "-no_ign_eof"], { timeout: 10_000 });
  child.child.stdin?.end();
  const { stdout } = await child;
  const [, code] = /Verify return code: (\d+)/.exec(stdout) ?? [];
  if (code === "0") return true;
  if (code === "62") return false;
  throw new Error(`openssl gave no verdict about the name: ${stdout.slice(-600)}`);
}

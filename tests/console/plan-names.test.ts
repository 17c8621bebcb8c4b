import "../support/with-database.ts";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { planService } from "../../server/services/plan/plan.ts";
import { GatewayBench } from "../support/gateway-bench.ts";
import { hasOpenssl } from "../support/openssl.ts";
import { type CertificateOptions, type Issued, TestCa } from "../support/pki.ts";
import { certificateOf, poolOf, serviceOf, tlsMember, type TlsMember } from "../support/service-bench.ts";
import { freePort } from "../support/sockets.ts";
import { makeOrganisation, type Organisation } from "./support/console.ts";
import { formOf, importCertificate, opensslAccepts } from "./support/services.ts";

const modes = ["tls-passthrough", "tls-offload", "tls-reencrypt"] as const;
const stampName = "keys.example.com";
const names = [stampName, "mail.example.com", "keys.dmz.example.com"] as const;

/** Per kind of certificate: what the service itself would present, and what its three members present. Some fit, some look as if they did. */
const kinds: Record<"exact" | "wildcard" | "san", { service: CertificateOptions; members: CertificateOptions[] }> = {
  exact: {
    service: { commonName: "KEYS.example.com", dns: ["KEYS.example.com"] },
    members: [{ commonName: stampName, dns: [stampName] }, { commonName: "pgp02.example.com", dns: ["pgp02.example.com"] }, { commonName: "Keys.DMZ.example.com" }],
  },
  wildcard: {
    service: { commonName: "*.dmz.example.com", dns: ["*.dmz.example.com"] },
    members: [{ commonName: "*.example.com", dns: ["*.example.com"] }, { commonName: "*.dmz.example.com" }, { commonName: "*.com", dns: ["*.com", "*.*.example.com"] }],
  },
  san: {
    service: { commonName: stampName, dns: ["mail.example.com", "keys.dmz.example.com"] },
    members: [{ commonName: "pgp01", dns: ["pgp01.example.com", stampName] }, { commonName: stampName, dns: ["pgp02.example.com"] }, { commonName: "pgp03", ips: ["127.0.0.1"], dns: ["pgp03.example.com", "mail.example.com", "*.dmz.example.com"] }],
  },
};

let org: Organisation;
let ca: TestCa;
let bench: GatewayBench;
let directory: string;
let caFile: string;
const opened: TlsMember[] = [];

beforeAll(async () => {
  org = await makeOrganisation();
  ca = await TestCa.root({ commonName: "Planner root" });
  directory = mkdtempSync(path.join(os.tmpdir(), "sallyport-plan-"));
  caFile = path.join(directory, "ca.pem");
  writeFileSync(caFile, ca.certPem);
  bench = await GatewayBench.start({ runtime: "node" });
}, 60_000);

afterAll(async () => {
  await bench.close();
  await Promise.all(opened.map((member) => member.close()));
  rmSync(directory, { recursive: true, force: true });
});

const leaf = (options: CertificateOptions): Promise<Issued> => ca.issue({ usage: ["server"], ...options });

/** The service in the bench's next snapshot, with this one member; its port. */
async function serveOne(mode: (typeof modes)[number], memberPort: number, certificate: Issued): Promise<number> {
  const pool = poolOf([{ port: memberPort }]);
  const port = await freePort();
  bench.snapshot.pools.push(pool);
  bench.snapshot.virtualServices.push(serviceOf(pool, port, mode, { serverNames: [], certificates: mode === "tls-passthrough" ? [] : [certificateOf(certificate)], memberTls: { verify: { kind: "off" } } }));
  return port;
}

describe.skipIf(!hasOpenssl)("the certificate planner (needs openssl)", () => {
  it("says of every mode, kind of certificate and member what openssl s_client -verify_hostname says through a real gateway, 27 of 27 for the stamp and 81 of 81 with the other names [N5] [S3-47] [S3-48] [S3-49] [S3-50] [S3-51] [S3-52] [S3-53] [S3-54] [S3-55]", async () => {
    const questions: { what: string; name: string; port: number; planner: boolean }[] = [];
    for (const [kind, certificates] of Object.entries(kinds)) {
      const service = await leaf(certificates.service);
      const certificateId = await importCertificate(org, `service ${kind}`, service);
      const members = await Promise.all(certificates.members.map(async (options) => tlsMember(await leaf(options))));
      opened.push(...members);
      for (const mode of modes) {
        const plan = await planService(org.callerAs("operator"), formOf({
          name: "Keys", mode, stampName, serverNames: names.slice(1), certificateIds: mode === "tls-passthrough" ? [] : [certificateId], memberTls: { verify: { kind: "off" } },
          pool: { name: "Keys servers", members: members.map((member, index) => ({ name: `pgp0${index + 1}`, host: "127.0.0.1", port: member.port })) },
        }));
        for (const [index, member] of members.entries()) {
          const port = await serveOne(mode, member.port, service);
          for (const name of names) {
            const verdict = plan.verdicts.find((candidate) => candidate.name === name && candidate.member === `pgp0${index + 1}`);
            if (!verdict?.isKnown) throw new Error(`no verdict for ${name} on pgp0${index + 1}`);
            expect(verdict.cures.length > 0).toBe(!verdict.isCovered);
            questions.push({ what: `${mode}, ${kind}, pgp0${index + 1}, ${name}`, name, port, planner: verdict.isCovered });
          }
        }
      }
    }
    await bench.applied();
    const answers: ((typeof questions)[number] & { openssl: boolean })[] = [];
    for (const question of questions) answers.push({ ...question, openssl: await opensslAccepts(question.port, question.name, caFile) });
    expect(answers.filter((answer) => answer.planner !== answer.openssl)).toEqual([]);
    expect(answers.filter((answer) => answer.what.endsWith(`, ${stampName}`))).toHaveLength(27);
    expect(answers).toHaveLength(81);
    expect(answers.filter((answer) => answer.openssl).length).toBeGreaterThan(20);
    expect(answers.filter((answer) => !answer.openssl).length).toBeGreaterThan(20);
  }, 120_000);
});

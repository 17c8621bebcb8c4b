/** Each mode and protocol in front of real web servers, with curl as the client, and a recorder on both sides of the gateway: plaintext appears only where the mode says so. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { recordBetween, tlsRecordTypes, type Recorder } from "../e2e/support/recorder.ts";
import { GatewayBench, runtimes } from "../support/gateway-bench.ts";
import { type Issued, TestCa } from "../support/pki.ts";
import { addService } from "./support/gateway.ts";
import { has, type Program, startApache, startNginx } from "./support/programs.ts";

const run = promisify(execFile);
const name = "app.example.test";
const memberName = "member.example.test";
/** Stands in the path of every request, so that it would be seen wherever the bytes are readable. */
const marker = "plaintext-marker-7fd1";

let ca: TestCa;
let serviceCertificate: Issued;
let memberCertificate: Issued;
let directory: string;
const programs: Program[] = [];
const members: { program: "nginx" | "apache2"; at: Program }[] = [];

beforeAll(async () => {
  ca = await TestCa.root({ commonName: "Modes root" });
  serviceCertificate = await ca.issue({ commonName: name, dns: [name], usage: ["server"] });
  memberCertificate = await ca.issue({ commonName: memberName, dns: [memberName], ips: ["127.0.0.1"], usage: ["server"] });
  directory = mkdtempSync(path.join(os.tmpdir(), "sallyport-modes-"));
  writeFileSync(path.join(directory, "ca.pem"), ca.certPem);
  const tls = { chainPem: memberCertificate.chainPem, keyPem: memberCertificate.keyPem };
  if (has("nginx")) members.push({ program: "nginx", at: await startNginx(tls, `location / { add_header X-Member nginx; return 200 "answer $request_uri"; }`) });
  if (has("apache2")) members.push({ program: "apache2", at: await startApache(tls, `Header always set X-Member apache2\nAlias "/${marker}" "{dir}/chain.pem"`) });
  programs.push(...members.map(({ at }) => at));
}, 60_000);

afterAll(async () => {
  await Promise.all(programs.map(async (program) => await program.stop()));
  rmSync(directory, { recursive: true, force: true });
});

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanUp.splice(0).reverse()) await close();
});

type Answer = { status: number; member: string | undefined; certificateName: string | undefined; httpVersion: string };

/** curl to the recorder in front of the gateway, by the service's name. */
async function curl(port: number, scheme: "http" | "https", extra: string[] = []): Promise<Answer> {
  const { stdout, stderr } = await run("curl", ["-sv", "--max-time", "10", "--cacert", path.join(directory, "ca.pem"), "--resolve", `${name}:${port}:127.0.0.1`, "--resolve", `${memberName}:${port}:127.0.0.1`, "-o", "/dev/null", "-D", "-", "-w", "%{http_version}", ...extra, `${scheme}://${extra.includes("--as-member") ? memberName : name}:${port}/${marker}`].filter((argument) => argument !== "--as-member"));
  return { status: Number(/^HTTP\/\S+ (\d+)/m.exec(stdout)?.[1] ?? 0), member: /^x-member: (\S+)/im.exec(stdout)?.[1], certificateName: /subject: CN=(\S+)/.exec(stderr)?.[1]?.replace(/;.*/, ""), httpVersion: stdout.trim().split("\n").at(-1) ?? "" };
}

const isReadable = (recorder: Recorder): boolean => recorder.streams().some(({ up, down }) => up.includes(marker) || down.includes(marker));
const isTlsOnly = (recorder: Recorder): boolean => recorder.streams().every(({ up, down }) => !tlsRecordTypes(up).includes("plain") && !tlsRecordTypes(down).includes("plain"));

type Case = { mode: "tcp" | "tls-passthrough" | "tls-offload" | "tls-reencrypt"; protocol: "tcp" | "http"; client: "http" | "https"; memberTls: boolean; sees: "member" | "service" | "none"; outside: "tls" | "plain"; inside: "tls" | "plain" };
const cases: Case[] = [
  { mode: "tcp", protocol: "tcp", client: "http", memberTls: false, sees: "none", outside: "plain", inside: "plain" },
  { mode: "tcp", protocol: "tcp", client: "https", memberTls: true, sees: "member", outside: "tls", inside: "tls" },
  { mode: "tcp", protocol: "http", client: "http", memberTls: false, sees: "none", outside: "plain", inside: "plain" },
  { mode: "tls-passthrough", protocol: "tcp", client: "https", memberTls: true, sees: "member", outside: "tls", inside: "tls" },
  { mode: "tls-offload", protocol: "tcp", client: "https", memberTls: false, sees: "service", outside: "tls", inside: "plain" },
  { mode: "tls-offload", protocol: "http", client: "https", memberTls: false, sees: "service", outside: "tls", inside: "plain" },
  { mode: "tls-reencrypt", protocol: "tcp", client: "https", memberTls: true, sees: "service", outside: "tls", inside: "tls" },
  { mode: "tls-reencrypt", protocol: "http", client: "https", memberTls: true, sees: "service", outside: "tls", inside: "tls" },
];

describe.skipIf(!has("nginx") && !has("apache2"))("modes in front of nginx and Apache (skipped where neither is installed)", () => {
  for (const runtime of runtimes) {
    it.each(cases)(`${runtime}: mode $mode, protocol $protocol, a $client client: plaintext outside only if $outside, inside only if $inside [S2-03] [S2-04] [S2-13] [S2-14] [S3-08] [S3-09] [S3-48] [S3-53] [S3-55]`, async (example) => {
      for (const { program, at } of members) {
        const bench = await GatewayBench.start({ runtime });
        cleanUp.push(async () => await bench.group.close());
        const inside = await recordBetween(example.memberTls ? at.tlsPort : at.port);
        cleanUp.push(inside.close);
        const service = await addService(bench, {
          mode: example.mode, protocol: example.protocol, pool: { members: [{ port: inside.port }] },
          certificates: example.sees === "service" ? [serviceCertificate] : [],
          memberTls: { verify: { kind: "anchors", anchorsPem: [ca.certPem], name: memberName }, serverName: { kind: "fixed", name: memberName } },
        });
        await bench.applied();
        const outside = await recordBetween(service.port);
        cleanUp.push(outside.close);
        const answer = await curl(outside.port, example.client, example.sees === "member" ? ["--as-member"] : []);
        expect(answer).toMatchObject({ status: 200, member: program, certificateName: example.sees === "none" ? undefined : example.sees === "service" ? name : memberName });
        expect(isReadable(outside), "readable outside").toBe(example.outside === "plain");
        expect(isReadable(inside), "readable inside").toBe(example.inside === "plain");
        if (example.outside === "tls") expect(isTlsOnly(outside)).toBe(true);
        if (example.inside === "tls") expect(isTlsOnly(inside)).toBe(true);
        if (example.protocol === "http" && example.client === "https") expect(answer.httpVersion, "HTTP/2 to the client").toBe("2");
      }
    }, 60_000);
  }
});

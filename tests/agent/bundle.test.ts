/** The offline bundle from the console to an enrolled agent, and everything that must make it refused. */
import { agentCommand, runtimeNames, startAgent, startSite, temporaryDir } from "./support/site.ts";
import { execFile, execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { openBundle } from "../../agent/bundle/open.ts";
import { db } from "../../server/db.ts";
import { createBundleDownload } from "../../server/services/bundle/create-download.ts";
import { getBundle } from "../../server/services/bundle/get.ts";
import { revokeBundle } from "../../server/services/bundle/revoke.ts";
import { openDownload } from "../../server/services/download/open.ts";
import { until } from "../support/sockets.ts";
import { downloadBundle, makeBundle, makeGroup } from "./support/bundle.ts";

const execute = promisify(execFile);
const site = await startSite();
const directory = temporaryDir();
const groupId = await makeGroup(site);
const bundleId = await makeBundle(site, { groupIds: [groupId], usesMax: 20 });
const archive = await downloadBundle(site, bundleId, directory);
const unpacked = path.join(temporaryDir(), "medium");
fs.mkdirSync(unpacked);
execFileSync("tar", ["-xzf", archive, "-C", unpacked]);
const folder = path.join(unpacked, "sallyport-agent");

/** A copy of the unpacked folder with one file changed; the runtime is linked, not copied. */
function changedCopy(change: (copy: string) => void): string {
  const copy = path.join(temporaryDir(), "copy");
  fs.mkdirSync(copy);
  for (const name of fs.readdirSync(folder)) {
    if (name === "runtime") fs.linkSync(path.join(folder, name), path.join(copy, name));
    else fs.copyFileSync(path.join(folder, name), path.join(copy, name));
  }
  change(copy);
  return copy;
}

describe("an offline bundle", () => {
  it("is whole, signed and stamped, and its second download costs less than two seconds of work [S1-57] [S1-59] [N10]", async () => {
    const before = process.cpuUsage();
    const again = await downloadBundle(site, bundleId, temporaryDir());
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1_000).toBeLessThan(2_000);
    const bundle = await openBundle(again, new Date());
    expect(bundle.manifest).toMatchObject({ bundleId, organisationId: site.organisationId, platform: "linux-x64", stamp: { managementServer: `localhost:${site.port}` } });
    expect(fs.statSync(again).size).toBeGreaterThan(10_000_000);
    execFileSync("sha256sum", ["-c", "--quiet", "SHA256SUMS"], { cwd: folder });
  });

  it("warns that no enabled policy targets its groups, and shows its stamp [S1-57]", async () => {
    const detail = await getBundle(site.caller, { id: bundleId });
    expect(detail.stamp.managementServer).toBe(`localhost:${site.port}`);
    expect(detail.warnings.join(" ")).toContain("No enabled policy targets");
  });

  it("is served once per link, and to nobody else than who asked [T34] [T40]", async () => {
    const { url } = await createBundleDownload(site.caller, { id: bundleId });
    const link = url.split("/").at(-1) ?? "";
    const other = { ...site.caller, actor: { kind: "user" as const, id: "somebody-else", name: "Somebody" } };
    await expect(openDownload(other, link)).rejects.toMatchObject({ code: "not-found" });
    (await openDownload(site.caller, link)).stream.destroy();
    await expect(openDownload(site.caller, link)).rejects.toMatchObject({ code: "not-found" });
  });

  it("is refused when one byte of any file was changed [T24] [N10]", async () => {
    for (const name of ["agent.mjs", "policy.json", "install.sh", "token", "manifest.json"]) {
      const copy = changedCopy((place) => {
        const bytes = fs.readFileSync(path.join(place, name));
        const at = name === "manifest.json" ? bytes.indexOf('"bundleId": "') + 14 : bytes.length - 3;
        bytes[at] = bytes[at] === 0x61 ? 0x62 : 0x61;
        fs.writeFileSync(path.join(place, name), bytes);
      });
      await expect(openBundle(copy, new Date()), name).rejects.toMatchObject({ name: "AgentError", code: "bundle-signature" });
    }
  });

  it("is refused when a file is added to the signed list, missing from the folder, or a link [T23] [T24]", async () => {
    await expect(openBundle(changedCopy((place) => fs.rmSync(path.join(place, "policy.json"))), new Date())).rejects.toMatchObject({ code: "bundle-signature" });
    const linked = changedCopy((place) => {
      fs.renameSync(path.join(place, "token"), path.join(place, "elsewhere"));
      fs.symlinkSync("elsewhere", path.join(place, "token"));
    });
    await expect(openBundle(linked, new Date())).rejects.toMatchObject({ code: "bundle-refused" });
  });

  it("is refused after its last day, with that reason [T24] [N10]", async () => {
    await expect(openBundle(archive, new Date(Date.now() + 15 * 86_400_000))).rejects.toMatchObject({ code: "bundle-expired" });
  });

  it("is refused by an agent of another organisation [T24]", async () => {
    const state = temporaryDir();
    fs.mkdirSync(path.join(state, "identity"));
    const foreign = { agentId: "11111111-1111-4111-8111-111111111111", organisationId: "22222222-2222-4222-8222-222222222222", trustDomain: "other.example", keyPem: "", chainPem: "", caPem: "", enrolledAt: new Date().toISOString() };
    fs.writeFileSync(path.join(state, "identity", "current.json"), JSON.stringify(foreign));
    const answer = await agentCommand("node", ["enrol", "--bundle", archive, "--state", state]);
    expect(answer.code).toBe(1);
    expect(answer.stderr).toContain("bundle-refused");
    expect(answer.stderr).toContain("belongs to the organisation");
  });

  it("cannot enrol once it was revoked [T19] [N10]", async () => {
    const revoked = await makeBundle(site, { groupIds: [groupId] });
    const file = await downloadBundle(site, revoked, temporaryDir());
    await revokeBundle(site.caller, { id: revoked });
    const answer = await agentCommand("node", ["enrol", "--bundle", file, "--state", temporaryDir()]);
    expect(answer.code).toBe(1);
    expect(answer.stderr).toContain("enrolment-refused");
    await expect(createBundleDownload(site.caller, { id: revoked })).rejects.toMatchObject({ code: "in-use" });
  });

  it("enrols as many agents as it has uses and not one more [T19] [N10]", async () => {
    const single = await makeBundle(site, { groupIds: [groupId] });
    const file = await downloadBundle(site, single, temporaryDir());
    const first = await agentCommand("node", ["enrol", "--bundle", file, "--state", temporaryDir()]);
    expect(first).toMatchObject({ code: 0 });
    const second = await agentCommand("node", ["enrol", "--bundle", file, "--state", temporaryDir()]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain("enrolment-refused");
    const row = await db().bundle.findUniqueOrThrow({ where: { id: single } });
    expect(row.uses).toBe(1);
    expect(await db().agent.count({ where: { bundleId: single } })).toBe(1);
  });
});

describe.each(runtimeNames)("an agent on %s", (runtime) => {
  it("enrols from the archive, joins the bundle's groups and connects [S1-58] [S1-59]", async () => {
    const state = temporaryDir();
    const answer = await agentCommand(runtime, ["enrol", "--bundle", archive, "--state", state]);
    expect(answer).toMatchObject({ code: 0, stderr: "" });
    const agent = startAgent(runtime, state);
    await until(() => agent.status()?.step === "fully-connected", "fully connected", 20_000);
    const members = await db().agentGroupMember.findMany({ where: { agentId: agent.status()?.agentId ?? "" } });
    expect(members.map((member) => member.groupId)).toEqual([groupId]);
    await agent.stop();
  });
});

describe("the program inside the bundle", () => {
  it("runs from its read-only folder with its own runtime and state elsewhere, nothing installed [S1-67]", async () => {
    const state = temporaryDir();
    const before = fs.readdirSync(folder).sort();
    const env = { PATH: "/usr/bin:/bin", HOME: "/nonexistent" } as unknown as NodeJS.ProcessEnv;
    const run = async (args: string[]) => (await execute(path.join(folder, "sallyport-agent"), args, { encoding: "utf8", env })).stdout;
    expect((await run(["version"])).trim()).toMatch(/^\d+\.\d+\.\d+$/);
    expect(await run(["verify", folder])).toContain("whole and signed");
    expect(await run(["enrol", "--bundle", folder, "--state", state])).toContain("Enrolled as agent");
    expect(fs.readdirSync(folder).sort()).toEqual(before);
  });

  it("installs and uninstalls without a network, quoting what it is given [S1-58] [S1-67]", { skip: process.getuid?.() !== 0 }, async () => {
    const base = fs.mkdtempSync("/var/tmp/sallyport-install-");
    const prefix = path.join(base, "opt");
    const state = path.join(base, "state");
    const offline = (script: string, args: string[]) => execFileSync("unshare", ["-n", "sh", script, ...args], { encoding: "utf8" });
    try {
      expect(offline(path.join(folder, "install.sh"), ["--prefix", prefix, "--state", state, "--no-service"])).toContain("Installed in");
      expect(fs.statSync(path.join(state, "identity", "pending.json")).mode & 0o777).toBe(0o600);
      expect(() => offline(path.join(folder, "install.sh"), ["--prefix", `${prefix};id`, "--no-service"])).toThrow();
      offline(path.join(prefix, "uninstall.sh"), ["--purge"]);
      expect(fs.existsSync(prefix)).toBe(false);
      expect(fs.existsSync(state)).toBe(false);
    } finally {
      fs.rmSync(base, { recursive: true, force: true });
    }
  });
});

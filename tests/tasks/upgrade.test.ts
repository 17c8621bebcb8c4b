/** An installed agent puts the console's build in place of its own program: signed, not older, tried, and given up again when it does not come up. */
import "../support/with-database.ts";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { PassThrough } from "node:stream";
import zlib from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import { AgentLog } from "../../agent/log.ts";
import { agentConfig } from "../../agent/config.ts";
import { confirmProgram, switchTo } from "../../agent/tasks/program.ts";
import type { TaskContext } from "../../agent/tasks/task.ts";
import { compareVersions, upgrade } from "../../agent/tasks/upgrade.ts";
import { barePolicy } from "../../agent/policy-store.ts";
import { makeOrganisation, type Organisation } from "../console/support/console.ts";
import { root, temporaryDir } from "../agent/support/process.ts";
import { db } from "../../server/db.ts";
import { trustAnchors } from "../../server/services/certificate/authority.ts";
import { buildProgramArchive } from "../../server/services/program/archive.ts";
import { fileHeader, padding } from "../../server/services/bundle/tar-entry.ts";

let own: Organisation;
let archive: Buffer;
let caPem: string;

beforeAll(async () => {
  process.env["SALLYPORT_DATA"] = temporaryDir();
  own = await makeOrganisation("Own");
  ({ caPem } = await trustAnchors(db(), own.id));
  archive = await packed(own);
}, 120_000);

async function packed(organisation: Organisation): Promise<Buffer> {
  const { stream, bytes } = await buildProgramArchive(organisation.callerAs("auditor"));
  const chunks: Buffer[] = [];
  await pipeline(stream, async (source: AsyncIterable<Buffer>) => {
    for await (const chunk of source) chunks.push(chunk);
  });
  const whole = Buffer.concat(chunks);
  expect(whole.length).toBe(bytes);
  return whole;
}

/** An agent whose installation is where this test pretends it to be, and a server that answers with these bytes. */
function agentWith(answer: Buffer, other: { organisationId?: string; caPem?: string } = {}): { context: TaskContext; stateDir: string; installation: string } {
  const stateDir = temporaryDir();
  const installation = temporaryDir();
  fs.writeFileSync(path.join(installation, "installed"), `${installation}\n${stateDir}\n`);
  fs.copyFileSync(path.join(root, "deploy", "agent", "sallyport-agent"), path.join(installation, "sallyport-agent"));
  for (const name of ["runtime", "agent.mjs"]) fs.writeFileSync(path.join(installation, name), "#!/bin/sh\necho installed\n", { mode: 0o755 });
  process.argv[1] = path.join(installation, "agent.mjs");
  const socket = () => {
    const out = new PassThrough();
    out.write(`HTTP/1.1 200 OK\r\nContent-Length: ${answer.length}\r\n\r\n`);
    out.end(answer);
    return Object.assign(out, { write: () => true });
  };
  const identity = { agentId: own.id, organisationId: own.id, trustDomain: "sallyport.internal", keyPem: "", chainPem: "", caPem, enrolledAt: new Date().toISOString(), ...other };
  const context: TaskContext = {
    id: own.id,
    signal: new AbortController().signal,
    progress: () => undefined,
    output: () => undefined,
    room: async () => undefined,
    work: {
      config: { ...agentConfig(stateDir), isSupervised: true }, log: new AgentLog(null), onWake: [], onReply: [], identity: () => identity, policy: () => barePolicy(own.id, { name: "site", host: "localhost", port: 1 }), now: Date.now,
      ask: () => Promise.reject(new Error("not asked")), openSession: async () => ({ socket: socket(), host: "localhost" }), refreshPolicy: async () => undefined, sendInventory: async () => undefined, takeNewIdentity: () => undefined, stop: () => undefined,
    },
  };
  return { context, stateDir, installation };
}

const started = (installation: string, command = "run") => execFileSync(path.join(installation, "sallyport-agent"), [command], { encoding: "utf8" }).trim();

describe("an upgrade", () => {
  it("installs the console's build beside, verified and tried, and the next start runs it", { timeout: 120_000 }, async () => {
    const { context, stateDir, installation } = agentWith(archive);
    const end = await upgrade(context);
    expect(end).toMatchObject({ state: "restarting" });
    const programs = path.join(stateDir, "program");
    expect(fs.readlinkSync(path.join(programs, "current"))).toBe("program" in end ? end.program : "");
    expect(fs.readdirSync(programs).filter((name) => name.startsWith("draft-"))).toEqual([]);
    expect(started(installation, "version")).toBe("0.1.0");
  });

  it("is refused when it is signed by nobody, by another organisation, or changed on the way", { timeout: 120_000 }, async () => {
    const foreign = await makeOrganisation("Foreign");
    const { caPem: foreignCa } = await trustAnchors(db(), foreign.id);
    const cut = archive.subarray(0, 5_000_000);
    const flipped = Buffer.from(archive);
    flipped[archive.length - 1_000_000] = (flipped[archive.length - 1_000_000] ?? 0) ^ 1;
    const bare = zlib.gzipSync(Buffer.concat([fileHeader({ name: "sallyport-agent/manifest.json", bytes: 2, isExecutable: false }), Buffer.from("{}"), padding(2), Buffer.alloc(1_024)]));
    // The first is whole and signed, under a CA that this agent does not have.
    const attacks = [["another CA", archive, { caPem: foreignCa }], ["cut", cut, {}], ["flipped", flipped, {}], ["bare", bare, {}]] as const;
    for (const [what, bytes, other] of attacks) {
      const { context, stateDir } = agentWith(bytes, other);
      await expect(upgrade(context), what).rejects.toThrow(/not taken/);
      expect(fs.readdirSync(path.join(stateDir, "program")), what).toEqual([]);
    }
  });

  it("never goes back to an older version", () => {
    expect([compareVersions("0.1.0", "0.2.0"), compareVersions("1.0.0", "0.9.9"), compareVersions("0.10.0", "0.9.0"), compareVersions("0.1.0", "0.1.0")].map(Math.sign)).toEqual([-1, 1, 1, 0]);
  });

  it("is given up when the new program ends before it has been connected, and stays once it has", () => {
    const { stateDir, installation } = agentWith(Buffer.alloc(0));
    const put = (name: string, says: string) => {
      const folder = path.join(stateDir, "program", name);
      fs.mkdirSync(folder, { recursive: true });
      fs.writeFileSync(path.join(folder, "runtime"), `#!/bin/sh\necho ${says}\n`, { mode: 0o755 });
      fs.writeFileSync(path.join(folder, "agent.mjs"), "");
      switchTo(stateDir, name);
    };
    put("a".repeat(64), "first");
    expect([started(installation), started(installation), started(installation)]).toEqual(["first", "installed", "installed"]);
    put("b".repeat(64), "second");
    expect(started(installation)).toBe("second");
    confirmProgram(stateDir);
    expect([started(installation), started(installation)]).toEqual(["second", "second"]);
    put("c".repeat(64), "third");
    expect([started(installation), started(installation), started(installation, "status")]).toEqual(["third", "second", "second"]);
  });
});

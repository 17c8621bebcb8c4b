/** Packs the agent's program and runtime for agents that upgrade themselves (contract/program.ts): listed, signed, the same for all agents of an organisation. */
import { createHash } from "node:crypto";
import fs from "node:fs";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import zlib from "node:zlib";
import { type ProgramManifest, programManifest } from "../../../contract/program.ts";
import { agentProgram } from "../bundle/program.ts";
import { prepareRuntimePart, type RuntimePart } from "../bundle/runtime-part.ts";
import { signBytes, signerUntil } from "../bundle/signer.ts";
import { endOfArchive, fileHeader, folderHeader, padding } from "../bundle/tar-entry.ts";
import type { Caller } from "../caller.ts";
import { trustAnchors } from "../certificate/authority.ts";
import { writeInOrganisation } from "../object/write.ts";
import { softwareVersion } from "../../version.ts";

const gzip = promisify(zlib.gzip);
const folder = "sallyport-agent/";
/** The signature must hold while the agent fetches and checks it, ms. */
const signedForMs = 24 * 3_600_000;

export type ProgramArchive = { bytes: number; stream: Readable };

export async function buildProgramArchive(caller: Caller): Promise<ProgramArchive> {
  const [runtime, program] = await Promise.all([prepareRuntimePart("linux-x64"), agentProgram()]);
  const { caFingerprint, signer } = await writeInOrganisation(caller, async (tx) => ({
    caFingerprint: (await trustAnchors(tx, caller.organisationId)).caFingerprint,
    signer: await signerUntil(tx, caller, new Date(Date.now() + signedForMs)),
  }));
  const manifest = Buffer.from(`${JSON.stringify(programManifest.parse(manifestOf(caller.organisationId, caFingerprint, program, runtime)), null, 1)}\n`);
  const files = [
    { name: "manifest.json", content: manifest },
    { name: "manifest.sig", content: Buffer.from(`${signBytes(signer, manifest)}\n`) },
    { name: "signer.pem", content: Buffer.from(signer.chainPem) },
    { name: "agent.mjs", content: program },
  ];
  const entries = files.flatMap(({ name, content }) => [fileHeader({ name: folder + name, bytes: content.length, isExecutable: false }), content, padding(content.length)]);
  const [head, tail] = await Promise.all([gzip(Buffer.concat([folderHeader(folder), ...entries])), gzip(endOfArchive)]);
  return { bytes: head.length + runtime.gzipBytes + tail.length, stream: Readable.from(members(head, runtime, tail), { objectMode: false }) };
}

function manifestOf(organisationId: string, caFingerprint: string, program: Buffer, runtime: RuntimePart): ProgramManifest {
  return {
    format: 1,
    kind: "program",
    organisationId,
    platform: "linux-x64",
    agentVersion: softwareVersion,
    createdAt: new Date().toISOString(),
    caFingerprint,
    files: [
      { path: "agent.mjs", bytes: program.length, sha256: createHash("sha256").update(program).digest("hex"), isExecutable: false },
      { path: runtime.name, bytes: runtime.bytes, sha256: runtime.sha256, isExecutable: true },
    ],
  };
}

/** Gzip members one after the other are one gzip file (RFC 1952 section 2.2); the runtime is compressed once and kept. */
async function* members(head: Buffer, runtime: RuntimePart, tail: Buffer): AsyncGenerator<Buffer> {
  yield head;
  yield* fs.createReadStream(runtime.file, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>;
  yield tail;
}

/** Packs a bundle for one download: a fresh token, the groups' policy of this moment, the program and its runtime, listed and signed (contract/bundle.ts). */
import { createHash } from "node:crypto";
import fs from "node:fs";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import zlib from "node:zlib";
import type { BundleManifest } from "../../../contract/bundle.ts";
import { bundleFormat, bundleManifest } from "../../../contract/bundle.ts";
import { ConsoleError, notFound } from "../../errors.ts";
import { policyForGroups } from "../agent/policy-for.ts";
import { endpointOf } from "../relay/for-gateways.ts";
import type { Caller } from "../caller.ts";
import { trustAnchors } from "../certificate/authority.ts";
import { sealPurpose } from "../certificate/store.ts";
import { writeInOrganisation } from "../object/write.ts";
import { openKey } from "../seal.ts";
import { createToken } from "../token/create.ts";
import { bundleFileName } from "./create-download.ts";
import { agentProgram, type BundleFile, deployedFiles } from "./program.ts";
import { prepareRuntimePart, type RuntimePart } from "./runtime-part.ts";
import { signBytes, type Signer, signerUntil } from "./signer.ts";
import { stampOf } from "./stamp.ts";
import { stateOfBundle } from "./state.ts";
import { endOfArchive, fileHeader, folderHeader, padding } from "./tar-entry.ts";

const gzip = promisify(zlib.gzip);
const folder = "sallyport-agent/";
const productVersion = "0.1.0";

export type BuiltBundle = { fileName: string; contentType: string; stream: Readable };

/** Throws `not-found`, or `in-use` when the bundle can enrol nobody any more. */
export async function buildBundle(caller: Caller, bundleId: string): Promise<BuiltBundle> {
  const [runtime, program, deployed] = await Promise.all([prepareRuntimePart("linux-x64"), agentProgram(), deployedFiles()]);
  const secrets = await collectSecrets(caller, bundleId);
  const files: BundleFile[] = [...deployed, { name: "agent.mjs", content: program, isExecutable: false }, ...secrets.files];
  files.push({ name: "SHA256SUMS", content: sums(files, runtime), isExecutable: false });
  const manifest = Buffer.from(`${JSON.stringify(bundleManifest.parse(manifestOf(secrets.facts, files, runtime)), null, 1)}\n`);
  const proof: BundleFile[] = [
    { name: "manifest.json", content: manifest, isExecutable: false },
    { name: "manifest.sig", content: Buffer.from(`${signBytes(secrets.signer, manifest)}\n`), isExecutable: false },
    { name: "signer.pem", content: Buffer.from(secrets.signer.chainPem), isExecutable: false },
  ];
  return { fileName: bundleFileName(secrets.facts.name), contentType: "application/gzip", stream: Readable.from(archive([...proof, ...files], runtime), { objectMode: false }) };
}

type BundleFacts = Pick<BundleManifest, "bundleId" | "organisationId" | "organisationName" | "stamp" | "expiresAt" | "usesMax" | "caFingerprint"> & { name: string };
type Secrets = { facts: BundleFacts; files: BundleFile[]; signer: Signer };

/** What only this bundle has: policy, CA, bootstrap identity, and a token made for this download. */
async function collectSecrets(caller: Caller, bundleId: string): Promise<Secrets> {
  return writeInOrganisation(caller, async (tx) => {
    const { organisationId } = caller;
    const bundle = await tx.bundle.findFirst({
      where: { id: bundleId, organisationId },
      select: { id: true, name: true, uses: true, usesMax: true, expiresAt: true, revokedAt: true, groupIds: true, relay: true, certificates: { where: { purpose: "bundle", isCurrent: true, revokedAt: null }, select: { chainPem: true, sealedKey: true }, take: 1 } },
    });
    if (!bundle) throw notFound("bundle", bundleId);
    const [bootstrap] = bundle.certificates;
    if (stateOfBundle(bundle, new Date()) !== "active" || !bootstrap?.sealedKey) throw new ConsoleError("in-use", `The bundle "${bundle.name}" can enrol nobody any more; make a new one.`);
    const anchors = await trustAnchors(tx, organisationId);
    const policy = { ...(await policyForGroups(tx, organisationId, bundle.groupIds, null)), relay: endpointOf(bundle.relay) };
    const token = await createToken(tx, caller, { kind: "agent", bundleId: bundle.id, groupIds: bundle.groupIds, usesMax: bundle.usesMax - bundle.uses, expiresAt: bundle.expiresAt });
    const text = (name: string, content: string): BundleFile => ({ name, content: Buffer.from(content), isExecutable: false });
    return {
      facts: { name: bundle.name, bundleId: bundle.id, organisationId, organisationName: policy.organisationName, stamp: stampOf(policy), expiresAt: bundle.expiresAt.toISOString(), usesMax: bundle.usesMax, caFingerprint: anchors.caFingerprint },
      files: [
        text("policy.json", `${JSON.stringify(policy, null, 1)}\n`),
        text("ca.pem", anchors.caPem),
        text("bootstrap.pem", bootstrap.chainPem),
        text("bootstrap.key", openKey(bootstrap.sealedKey, sealPurpose("bundle"))),
        text("token", `${token.text}\n`),
      ],
      signer: await signerUntil(tx, caller, bundle.expiresAt),
    };
  });
}

function manifestOf(facts: BundleFacts, files: readonly BundleFile[], runtime: RuntimePart): BundleManifest {
  const { name: _shown, ...stated } = facts;
  return {
    format: bundleFormat,
    ...stated,
    platform: "linux-x64",
    agentVersion: productVersion,
    createdAt: new Date().toISOString(),
    files: [
      ...files.map((file) => ({ path: file.name, bytes: file.content.length, sha256: sha256(file.content), isExecutable: file.isExecutable })),
      { path: runtime.name, bytes: runtime.bytes, sha256: runtime.sha256, isExecutable: true },
    ],
  };
}

/** For people without our program: `sha256sum -c SHA256SUMS`. */
function sums(files: readonly BundleFile[], runtime: RuntimePart): Buffer {
  const lines = [...files.map((file) => `${sha256(file.content)}  ${file.name}`), `${runtime.sha256}  ${runtime.name}`];
  return Buffer.from(`${lines.join("\n")}\n`);
}

/** Three gzip members: our files, the runtime as it lies in the cache, the end of the archive. */
async function* archive(files: readonly BundleFile[], runtime: RuntimePart): AsyncGenerator<Buffer> {
  const entries = files.flatMap((file) => [fileHeader({ name: folder + file.name, bytes: file.content.length, isExecutable: file.isExecutable }), file.content, padding(file.content.length)]);
  yield await gzip(Buffer.concat([folderHeader(folder), ...entries]));
  yield* fs.createReadStream(runtime.file, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>;
  yield await gzip(endOfArchive);
}

function sha256(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Opens an offline bundle: an archive, or the folder it was unpacked to. Everything is listed and verified before anything of it is used. */
import fs from "node:fs";
import path from "node:path";
import { type AgentPolicy, agentPolicy } from "../../contract/agent-site.ts";
import type { BundleManifest } from "../../contract/bundle.ts";
import { MemberList, type Members, refuse } from "./members.ts";
import { readTarGz } from "./tar.ts";
import { checkManifest } from "./verify.ts";
import { readZip } from "./zip.ts";

export type OpenedBundle = {
  manifest: BundleManifest;
  token: string;
  caPem: string;
  bootstrap: { chainPem: string; keyPem: string };
  policy: AgentPolicy;
};

/** Largest archive that is looked at, bytes. */
const archiveBytesMax = 400 * 1024 * 1024;

/** Throws `bundle-refused`, `bundle-signature` or `bundle-expired`. Writes nothing. */
export async function openBundle(place: string, now: Date): Promise<OpenedBundle> {
  const members = await readBundle(place);
  const manifest = checkManifest(members, now);
  const bundle = {
    manifest,
    token: textOf(members, "token").trim(),
    caPem: textOf(members, "ca.pem"),
    bootstrap: { chainPem: textOf(members, "bootstrap.pem"), keyPem: textOf(members, "bootstrap.key") },
    policy: parsePolicy(textOf(members, "policy.json")),
  };
  if (bundle.policy.organisationId !== manifest.organisationId) throw refuse("Its policy is another organisation's");
  return bundle;
}

/** Names, types, sizes and hashes of all members, of an archive or a folder. */
export async function readBundle(place: string): Promise<Members> {
  const facts = fs.statSync(place, { throwIfNoEntry: false });
  if (!facts) throw refuse(`There is no ${place}`);
  if (facts.isDirectory()) return readFolder(place);
  if (!facts.isFile() || facts.size > archiveBytesMax) throw refuse(`${path.basename(place)} is no bundle: a .tar.gz, a .zip, or an unpacked folder`);
  const start = Buffer.alloc(4);
  const descriptor = fs.openSync(place, "r");
  try {
    fs.readSync(descriptor, start, 0, 4, 0);
  } finally {
    fs.closeSync(descriptor);
  }
  if (start[0] === 0x1f && start[1] === 0x8b && start[2] === 8) return readTarGz(place);
  if (start.readUInt32LE(0) === 0x04034b50) return readZip(place);
  throw refuse(`${path.basename(place)} is neither a tar.gz nor a zip`);
}

/** Files that the manifest does not list (somebody's notes beside it) are not looked at; links are no files. */
async function readFolder(directory: string): Promise<Members> {
  const list = new MemberList();
  const manifest = path.join(directory, "manifest.json");
  if (!fs.lstatSync(manifest, { throwIfNoEntry: false })?.isFile()) throw refuse(`There is no manifest.json in ${directory}`);
  const named = /"path":\s*"([A-Za-z0-9._-]{1,120})"/g;
  const text = fs.statSync(manifest).size <= 1_048_576 ? fs.readFileSync(manifest, "utf8") : "";
  const names = new Set(["manifest.json", "manifest.sig", "signer.pem", ...[...text.matchAll(named)].map((match) => match[1] ?? "")]);
  for (const name of names) {
    const facts = fs.lstatSync(path.join(directory, name), { throwIfNoEntry: false });
    if (!facts) continue; // the comparison with the manifest names it
    if (!facts.isFile()) throw refuse(`${name} is no plain file`);
    const writer = list.begin(name, facts.size);
    for await (const chunk of fs.createReadStream(path.join(directory, name), { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) writer.write(chunk);
    writer.end();
  }
  return list.finish();
}

function textOf(members: Members, name: string): string {
  const content = members.get(name)?.content;
  if (!content) throw refuse(`It has no ${name}`);
  return content.toString("utf8");
}

function parsePolicy(text: string): AgentPolicy {
  try {
    return agentPolicy.parse(JSON.parse(text));
  } catch (cause) {
    throw refuse("Its policy.json cannot be read", cause);
  }
}

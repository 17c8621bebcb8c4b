/**
 * What a gateway package's download streams: first what belongs to this gateway (settings, a fresh token, scripts, checksums), then the part that is the same for all,
 * compressed once by deploy/gateway/build.mjs in a process of its own. Both are gzip members of one .tar.gz.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import tar from "tar-stream";
import { z } from "zod";
import { serviceAccountName } from "../../../contract/objects.ts";
import { notFound } from "../../errors.ts";
import { env } from "../../env.ts";
import type { Caller } from "../caller.ts";
import { projectRoot } from "../../project-root.ts";
import { createToken } from "../token/create.ts";

export type GatewayPackage = { fileName: string; contentType: string; stream: Readable };

/** How long somebody has to carry the package or the token to the gateway's machine. */
export const gatewayTokenMs = 7 * 86_400_000;
const folder = "sallyport-gateway";
/** A tar archive ends in two blocks of zeros (POSIX pax format); the part in front of another must not. */
const tarTrailerBytes = 1_024;
const buildTimeoutMs = 300_000;
const builtMember = z.object({ member: z.string(), sums: z.record(z.string(), z.string()), hasBun: z.boolean() });
type BuiltMember = z.infer<typeof builtMember>;

/** Opens the package of a gateway for one download. The caller has been let in already; the gateway must be of its organisation. */
export async function openGatewayPackage(caller: Caller, gatewayId: string): Promise<GatewayPackage> {
  const built = await sharedMember();
  const { gateway, token } = await caller.db.$transaction(async (tx) => {
    const gateway = await tx.gateway.findFirst({ where: { id: gatewayId, organisationId: caller.organisationId }, select: { name: true, serviceAccount: true, listeners: { select: { port: true } } } });
    if (!gateway) throw notFound("gateway", gatewayId);
    return { gateway, token: (await createToken(tx, caller, { kind: "gateway", gatewayId, expiresAt: new Date(Date.now() + gatewayTokenMs) })).text };
  });
  const own = await ownMember({ gatewayName: gateway.name, serviceAccount: serviceAccountName.parse(gateway.serviceAccount), ports: [...new Set(gateway.listeners.map((listener) => listener.port))], token, built });
  return { fileName: gatewayPackageName(gateway.name), contentType: "application/gzip", stream: Readable.from(join(own, built.member), { objectMode: false }) };
}

/** `sallyport-gateway-<name>.tar.gz`, in letters that every file system and shell takes. */
export function gatewayPackageName(gatewayName: string): string {
  const plain = gatewayName.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40) || "gateway";
  return `sallyport-gateway-${plain}.tar.gz`;
}

let building: Promise<BuiltMember> | undefined;

/** Starts making the shared part where it is not there yet; somebody is about to download. */
export function warmGatewayPackage(): void {
  sharedMember().catch(() => undefined); // the download tries again and says what is wrong
}

/** The cached part, made at first use and again when program or runtimes changed. */
async function sharedMember(): Promise<BuiltMember> {
  building ??= runBuild().finally(() => { building = undefined; });
  return await building;
}

async function runBuild(): Promise<BuiltMember> {
  const script = path.join(projectRoot(), "deploy", "gateway", "build.mjs");
  const child = spawn(process.execPath, [script, path.resolve(env().SALLYPORT_DATA, "packages")], { cwd: projectRoot(), env: { NODE_ENV: "production" }, stdio: ["ignore", "pipe", "pipe"], timeout: buildTimeoutMs });
  let [printed, complaints] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (printed += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complaints = (complaints + text).slice(-4_000)));
  const code = await new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  if (code !== 0) throw new Error(`the gateway package could not be built (exit code ${String(code)}): ${complaints}`);
  return builtMember.parse(JSON.parse(printed.trim().split("\n").at(-1) ?? ""));
}

/** The files of this one gateway, as a gzip member without the archive's end. */
async function ownMember(input: { gatewayName: string; serviceAccount: string; ports: number[]; token: string; built: BuiltMember }): Promise<Buffer> {
  const source = path.join(projectRoot(), "deploy", "gateway", "files");
  const files = await Promise.all((await readdir(source)).toSorted().map(async (name) => ({ name, content: await readFile(path.join(source, name)) })));
  const settings = files.find((file) => file.name === "gateway.env");
  if (settings && !input.built.hasBun) settings.content = Buffer.concat([settings.content, Buffer.from("SALLYPORT_RUNTIME=node\n")]);
  const unit = files.find((file) => file.name === "sallyport-gateway.service");
  if (unit) unit.content = Buffer.from(unit.content.toString().replace(/^User=.*$/m, `User=${input.serviceAccount}`));
  // What the installer looks for before it starts; the gateway itself learns its listeners from the console.
  files.push({ name: "ports", content: Buffer.from(input.ports.map((port) => `${port}\n`).join("")) });
  const readme = files.find((file) => file.name === "README");
  if (readme) readme.content = Buffer.concat([readme.content, Buffer.from(`\nMade for the gateway: ${input.gatewayName}\n`)]);
  const sums = { ...Object.fromEntries(files.map((file) => [file.name, createHash("sha256").update(file.content).digest("hex")])), ...input.built.sums };
  const sumLines = Object.entries(sums).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, sum]) => `${sum}  ${name}\n`).join("");
  const pack = tar.pack();
  const entry = (name: string, mode: number, content: Buffer | string): void => void pack.entry({ name: `${folder}/${name}`, mode, mtime: new Date() }, content);
  entry("SHA256SUMS", 0o644, sumLines);
  for (const file of files) entry(file.name, file.name.endsWith(".sh") || file.name === folder ? 0o755 : 0o644, file.content);
  entry("token", 0o600, `${input.token}\n`);
  pack.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of pack) chunks.push(chunk as Buffer);
  const archive = Buffer.concat(chunks);
  return gzipSync(archive.subarray(0, archive.length - tarTrailerBytes));
}

async function* join(own: Buffer, member: string): AsyncGenerator<Buffer> {
  yield own;
  yield* createReadStream(member) as AsyncIterable<Buffer>;
}

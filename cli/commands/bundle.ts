/** bundle create and download: the offline installer of agents. */
import type { Command } from "commander";
import { z } from "zod";
import { downloadReply } from "../../contract/objects.ts";
import { connection, type Connection } from "../config.ts";
import { usage } from "../errors.ts";
import { nounCommand, type Shared } from "../generic.ts";
import { callApi } from "../http.ts";
import { printJson } from "../output.ts";
import { resolveId } from "../resolve.ts";
import { reportSaved, saveDownload } from "./download.ts";

type CreateOptions = { groups: string[]; uses: string; days: string; platform: string; output?: string; force?: boolean };

export function addBundle(program: Command, shared: Shared): void {
  const bundle = nounCommand(program, "bundles");
  bundle
    .command("create")
    .argument("<name>")
    .description("Make an offline bundle for agents of these groups, and download it with -o")
    .requiredOption("--groups <name-or-id...>", "agent groups that its agents join; their policies tell which gateway to use")
    .option("--uses <number>", "how many machines may enrol with it", "1")
    .option("--days <number>", "days it can be used", "14")
    .option("--platform <platform>", "linux-x64", "linux-x64")
    .option("-o, --output <file>", "download it to this file at once")
    .option("--force", "overwrite an existing file")
    .action((name: string, options: CreateOptions) => create(name, options, shared));
  bundle
    .command("download")
    .argument("<name-or-id>")
    .description("Download a bundle; each download carries a fresh token")
    .option("-o, --output <file>", "where to write it (default: the console's file name, here)")
    .option("--force", "overwrite an existing file")
    .action(async (name: string, options: { output?: string; force?: boolean }) => {
      const target = connection();
      await download(target, await resolveId(target, "bundles", name), options, shared);
    });
}

async function create(name: string, options: CreateOptions, shared: Shared): Promise<void> {
  const target = connection();
  const groupIds = await Promise.all(options.groups.flatMap((text) => text.split(",")).map((group) => resolveId(target, "agent-groups", group.trim())));
  const body = { name, groupIds, platform: options.platform, usesMax: count(options.uses, "--uses"), daysValid: count(options.days, "--days") };
  const { id } = z.object({ id: z.string() }).parse(await callApi(target, { method: "POST", path: "/bundles", body }));
  if (options.output !== undefined) return download(target, id, options, shared);
  if (shared.isJson()) return printJson(shared.screen, { id });
  shared.screen.out(`Created ${id}\nNext: sallyport bundle download "${name}" -o bundle.tar.gz\n`);
}

async function download(target: Connection, id: string, options: { output?: string; force?: boolean }, shared: Shared): Promise<void> {
  const reply = downloadReply.parse(await callApi(target, { method: "POST", path: `/bundles/${encodeURIComponent(id)}/download`, body: {} }));
  const saved = await saveDownload(target, reply, { output: options.output, isForced: options.force === true });
  reportSaved(shared, saved, { id }, `On the endpoint: tar xzf ${saved.file} && sudo ./sallyport-agent/install.sh\nIt holds an enrolment token: carry it by a way you trust.\n`);
}

function count(text: string, flag: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw usage(`${flag} takes a whole number from 1, not "${text}".`);
  return number;
}

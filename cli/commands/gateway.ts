/** gateway package: the installation package for a machine in the DMZ. */
import type { Command } from "commander";
import { gatewayPackageReply } from "../../contract/objects.ts";
import { connection } from "../config.ts";
import { nounCommand, type Shared } from "../generic.ts";
import { callApi } from "../http.ts";
import { resolveId } from "../resolve.ts";
import { reportSaved, saveDownload } from "./download.ts";

export function addGateway(program: Command, shared: Shared): void {
  nounCommand(program, "gateways")
    .command("package")
    .argument("<name-or-id>")
    .argument("[download]", "the word download may be written for clarity")
    .description("Make and download the gateway's installation package; it holds a one-time token")
    .option("-o, --output <file>", "where to write it (default: the console's file name, here)")
    .option("--force", "overwrite an existing file")
    .option("--token-only", "print the enrolment token instead of downloading, for a gateway started by hand")
    .action(async (name: string, _word: string | undefined, options: { output?: string; force?: boolean; tokenOnly?: boolean }) => {
      const target = connection();
      const id = await resolveId(target, "gateways", name);
      const reply = gatewayPackageReply.parse(await callApi(target, { method: "POST", path: `/gateways/${encodeURIComponent(id)}/package`, body: {} }));
      if (options.tokenOnly) return shared.screen.out(`${reply.token}\n`);
      const saved = await saveDownload(target, reply, { output: options.output, isForced: options.force === true });
      reportSaved(shared, saved, { gatewayId: id, expiresAt: reply.expiresAt }, `Carry it to the gateway's machine, then: tar xzf ${saved.file} && sudo ./sallyport-gateway/install.sh\nIt holds a one-time token; delete it afterwards.\n`);
    });
}

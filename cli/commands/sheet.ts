/** virtual-service sheet, gateway sheet: the configuration on standard output, what to know about it on the error stream, so that it can be written to a file. */
import { type Command, Option } from "commander";
import { sheetFormat, sheetReply } from "../../contract/service-objects.ts";
import { connection } from "../config.ts";
import { nounCommand, type Shared } from "../generic.ts";
import { callApi } from "../http.ts";
import { plain, printJson } from "../output.ts";
import { resolveId } from "../resolve.ts";

export function addSheets(program: Command, shared: Shared): void {
  for (const [tag, text] of [["virtual-services", "Settings sheet of a virtual service, neutral or ready for another balancer"], ["gateways", "Recipe for the load balancer in front of a gateway"]] as const) {
    nounCommand(program, tag)
      .command("sheet")
      .argument("<name-or-id>")
      .description(text)
      .addOption(new Option("--format <format>", "neutral is Markdown; json makes it again with create --from").choices(sheetFormat.options).default("neutral"))
      .action((name: string, options: { format: string }) => print({ tag, name, format: options.format }, shared));
  }
}

async function print(what: { tag: string; name: string; format: string }, { screen, isJson }: Shared): Promise<void> {
  const target = connection();
  const id = await resolveId(target, what.tag, what.name);
  const reply = sheetReply.parse(await callApi(target, { method: "GET", path: `/${what.tag}/${encodeURIComponent(id)}/sheet`, query: { format: what.format } }));
  if (isJson()) return printJson(screen, reply);
  screen.out(`${reply.text.trimEnd().split("\n").map(plain).join("\n")}\n`);
  for (const note of reply.notes) screen.err(`- ${plain(note)}\n`);
  screen.err(reply.triedWith.length > 0 ? `Tried with ${reply.triedWith.join(", ")}.\n` : ["neutral", "json"].includes(what.format) ? "" : "Not tried here with the program itself.\n");
}

/** policy create with gateways by name: address, port and pin are read from the gateway. */
import type { Command } from "commander";
import { z } from "zod";
import { connection, type Connection } from "../config.ts";
import { CliError, usage } from "../errors.ts";
import { nounCommand, type Shared, show } from "../generic.ts";
import { callApi } from "../http.ts";
import { resolveId } from "../resolve.ts";

type Options = { gateway?: string[]; groups?: string[]; disabled?: boolean; channelProxy?: string; requestProxy?: string; note?: string };

export function addPolicy(program: Command, shared: Shared): void {
  nounCommand(program, "policies")
    .command("create")
    .argument("<name>")
    .description("Create a policy: which gateways, in which order, for which agent groups")
    .option("--gateway <name-or-id...>", "gateways in the order agents try them; the address and the pin are the gateway's own unless given: gw1@gw.example.com:443")
    .option("--groups <name-or-id...>", "agent groups it targets")
    .option("--disabled", "create it switched off")
    .option("--request-proxy <host:port>", "HTTP proxy for requests in direct mode; not together with gateways")
    .option("--channel-proxy <host:port>", "HTTP proxy for the long-lived channel")
    .option("--note <text>", "note")
    .action((name: string, options: Options) => create(name, options, shared));
}

async function create(name: string, options: Options, shared: Shared): Promise<void> {
  const target = connection();
  const body = {
    name,
    isEnabled: options.disabled !== true,
    gateways: await Promise.all((options.gateway ?? []).flatMap((text) => text.split(",")).map((text) => gatewayEntry(target, text.trim()))),
    groupIds: await Promise.all((options.groups ?? []).flatMap((text) => text.split(",")).map((group) => resolveId(target, "agent-groups", group.trim()))),
    requestProxy: options.requestProxy === undefined ? null : hostAndPort(options.requestProxy, "--request-proxy"),
    channelProxy: options.channelProxy === undefined ? null : hostAndPort(options.channelProxy, "--channel-proxy"),
    ...(options.note === undefined ? {} : { note: options.note }),
  };
  show(shared, "policies", await callApi(target, { method: "POST", path: "/policies", body }), "policy.create");
}

const gatewayFacts = z.object({ name: z.string(), publicNames: z.array(z.string()), publicPort: z.number(), fingerprint: z.string().nullable() });

async function gatewayEntry(target: Connection, text: string): Promise<{ gatewayId: string; fqdn: string; port: number; pins: string[] }> {
  const at = text.lastIndexOf("@");
  const name = at < 0 ? text : text.slice(0, at);
  const gatewayId = await resolveId(target, "gateways", name);
  const gateway = gatewayFacts.parse(await callApi(target, { method: "GET", path: `/gateways/${encodeURIComponent(gatewayId)}` }));
  if (!gateway.fingerprint) throw new CliError(`The gateway ${gateway.name} has not told its certificate yet, so there is no pin; install and start it first (sallyport gateway package "${gateway.name}").`, { code: "policy-pin-missing" });
  const [own] = gateway.publicNames;
  if (at < 0 && own === undefined) throw usage(`The gateway ${gateway.name} has no public name; write --gateway "${gateway.name}@gw.example.com:443".`);
  const address = at < 0 ? { host: own ?? "", port: gateway.publicPort } : hostAndPort(text.slice(at + 1), "--gateway", gateway.publicPort);
  return { gatewayId, fqdn: address.host, port: address.port, pins: [gateway.fingerprint] };
}

function hostAndPort(text: string, flag: string, standardPort?: number): { host: string; port: number } {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:@\s]+)(?::(\d{1,5}))?$/.exec(text);
  const port = match?.[2] === undefined ? standardPort : Number(match[2]);
  if (!match?.[1] || port === undefined || port < 1 || port > 65_535) throw usage(`${flag} takes host:port, not "${text}".`);
  return { host: match[1], port };
}

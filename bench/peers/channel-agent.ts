/** The first agent of the channel benchmark: the product's own channel and reach server on one connection. Prints a line when it is welcome; ends with standard input. */
import { randomUUID } from "node:crypto";
import tls from "node:tls";
import { AgentLog } from "../../agent/log.ts";
import { AgentChannel } from "../../agent/channel/channel.ts";
import { ReachServer } from "../../agent/reach/server.ts";
import { agentPolicy } from "../../contract/agent-site.ts";
import { channelAlpn } from "../../contract/channel.ts";
import { gatewayId, readChannelFiles } from "../channel-pki.ts";
import { organisationId } from "../pki.ts";

const job = JSON.parse(process.argv[2] ?? "{}") as { dir: string; port: number; backendPort: number };
const files = readChannelFiles(job.dir);
const [agent] = files.agents;
if (!agent) throw new Error("the benchmark has no agent");
const gateway = { id: gatewayId, name: "bench", fqdn: "localhost", port: job.port, pins: [files.server.fingerprint] };
const policy = agentPolicy.parse({
  format: 1, revision: 1, agentId: agent.id, organisationId, organisationName: "bench", isCloudEnabled: true, servers: [{ id: randomUUID(), name: "console", kind: "management", host: "localhost", port: 1, isAgentSite: true }], gateways: [gateway], requestProxy: null, channelProxy: null,
  reportEverySeconds: 60, inventoryEverySeconds: 3_600, consoleKeys: { signing: [files.consoleKey], encryption: [] }, reach: { services: [{ name: "bench", host: "127.0.0.1", port: job.backendPort }], scripts: [] },
});

const server = new ReachServer({ policy: () => policy, identity: () => ({ agentId: agent.id, organisationId }), local: { kind: "all" }, log: new AgentLog(null), now: () => Date.now() });
const socket = tls.connect({ host: "127.0.0.1", port: job.port, servername: "localhost", cert: agent.chainPem, key: agent.keyPem, ca: files.caPem, ALPNProtocols: [channelAlpn] });
await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
const channel = new AgentChannel({
  socket, gateway, via: null, isListening: false,
  onStream: (stream, head, own) => (head.kind === "reach" ? void server.serve(stream, head, own) : void stream.destroy()),
  onGoAway: () => undefined,
  onEnd: (_channel, reason) => {
    process.stderr.write(`the agent's channel ended: ${reason}\n`);
    process.exit(1);
  },
});
await channel.hello({ instance: randomUUID(), version: "bench" }, AbortSignal.timeout(10_000));
process.stdout.write("open\n");
process.stdin.on("end", () => process.exit(0)).resume();

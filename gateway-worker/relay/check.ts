/** `relay check`: tries everything a relay needs, changes nothing, and says in sentences what is wrong and what cures it (S4-04, S4-05: also what no relay can cure). */
import { randomUUID } from "node:crypto";
import net from "node:net";
import { hostname } from "node:os";
import type { RelaySettings } from "../../contract/relay.ts";
import { explain } from "../errors.ts";
import type { RelayIdentity } from "./identity.ts";
import { connectUpstream, upstreamLabel } from "./upstream-link.ts";
import { UpstreamSession } from "./upstream-session.ts";
import { relayVersion } from "./version.ts";

export type CheckLine = { isOk: boolean; sentence: string };

/** In the order a person would look: port, then upstreams one after the other. */
export async function checkRelay(settings: RelaySettings, identity: RelayIdentity): Promise<CheckLine[]> {
  const lines: CheckLine[] = [await checkPort(settings)];
  if (settings.disableUpstreamValidation) lines.push({ isOk: false, sentence: 'The upstream\'s certificate is not checked ("disableUpstreamValidation"); remove that from relay.json once the set-up works.' });
  if (settings.upstreams.length === 0) lines.push({ isOk: true, sentence: `The upstream dials in: let the gateways reach TCP port ${settings.listen.port} of this machine, and nothing else. Whether they do is shown on the relay's page.` });
  for (const upstream of settings.upstreams) lines.push(await checkUpstream(upstream, settings, identity));
  return lines;
}

async function checkPort(settings: RelaySettings): Promise<CheckLine> {
  const { address, port } = settings.listen;
  const problem = await new Promise<string | undefined>((resolve) => {
    const server = net.createServer().once("error", (error) => resolve(explain(error)));
    server.listen({ host: address, port }, () => server.close(() => resolve(undefined)));
  });
  if (problem === undefined) return { isOk: true, sentence: `TCP port ${port} is free.` };
  if (problem.includes("EADDRINUSE")) return { isOk: true, sentence: `TCP port ${port} is in use: by this relay when it runs; otherwise free it.` };
  return { isOk: false, sentence: `TCP port ${port} of ${address} cannot be bound: ${problem}.` };
}

async function checkUpstream(upstream: RelaySettings["upstreams"][number], settings: RelaySettings, identity: RelayIdentity): Promise<CheckLine> {
  const label = upstreamLabel(upstream);
  try {
    const socket = await connectUpstream(upstream, settings, identity, new AbortController().signal);
    const startedMs = performance.now();
    const session = new UpstreamSession(socket, { label, rank: 0, serverName: null }, {
      hello: () => ({ kind: "hello", relayKey: settings.relayKey, node: randomUUID(), organisationId: settings.organisationId, version: relayVersion, hostname: hostname().slice(0, 253), startedAt: new Date().toISOString() }),
      load: () => ({ kind: "load", connections: 0, opened: 0, refused: 0, bytesUp: 0, bytesDown: 0 }),
      onDial: (_head, stream) => stream.destroy(),
      onState: () => {},
    });
    await session.greet();
    session.close("the check is done");
    return { isOk: true, sentence: `${label} takes this relay's connections; it answered within ${Math.round(performance.now() - startedMs)} ms.` };
  } catch (error) {
    return { isOk: false, sentence: explain(error) };
  }
}

/** Opens an agent channel: TCP (or proxy, relay, or a connection by which we were dialled), outer TLS with the pin checked, yamux, hello. */
import type { Duplex } from "node:stream";
import type { AgentPolicy } from "../../contract/agent-site.ts";
import { channelAlpn } from "../../contract/channel.ts";
import { AgentError, asAgentError } from "../errors.ts";
import { authority } from "../path/connect.ts";
import { type HttpProxy, leafFingerprint, type OpenOptions, outerHandshake, type PolicyGateway, type Progress, reachGateway, type Trust } from "../path/route.ts";
import { agentVersion } from "../version.ts";
import { AgentChannel, type ChannelOptions } from "./channel.ts";

/** A gateway to dial, with the proxy that the policy puts in front of it (S0-30). */
export type ChannelPlace = { gateway: PolicyGateway; via: HttpProxy | null };

export type ChannelOpening = Pick<ChannelOptions, "onStream" | "onGoAway" | "onEnd"> & { trust: Trust; instance: string; signal: AbortSignal };

/** In the order to try; empty when the policy wants no channel. */
export function channelPlaces(policy: AgentPolicy): ChannelPlace[] {
  return policy.hasChannel ? policy.gateways.map((gateway) => ({ gateway, via: policy.channelProxy })) : [];
}

/** Dials. Throws AgentError with the code of the step that failed. */
export async function openChannel(place: ChannelPlace, opening: ChannelOpening): Promise<AgentChannel> {
  const progress: Progress = { step: "idle", connectionId: null };
  const options: OpenOptions = { trust: opening.trust, signal: opening.signal };
  const over = await reachGateway(place.gateway, place.via, progress, options);
  const via = place.via === null || opening.trust.relay !== null ? null : `proxy ${authority(place.via.host, place.via.port)}`;
  return speak({ over, gateways: [place.gateway], via, isListening: false }, opening);
}

/** The same over a connection on which we were dialled (X4-01): the certificate tells which of the policy's gateways it is. */
export async function acceptChannel(over: Duplex, gateways: readonly PolicyGateway[], opening: ChannelOpening): Promise<AgentChannel> {
  return speak({ over, gateways, via: null, isListening: true }, opening);
}

type Speaking = { over: Duplex; gateways: readonly PolicyGateway[]; via: string | null; isListening: boolean };

async function speak({ over, gateways, via, isListening }: Speaking, opening: ChannelOpening): Promise<AgentChannel> {
  const socket = await outerHandshake({ over, gateways, alpn: channelAlpn }, { step: "tcp", connectionId: null }, opening);
  const presented = leafFingerprint(socket);
  const gateway = gateways.find((known) => presented !== undefined && known.pins.includes(presented)) ?? gateways[0];
  if (!gateway || socket.alpnProtocol !== channelAlpn) {
    socket.destroy();
    throw new AgentError("channel-failed", `${gateway?.name ?? "The gateway"} does not speak ${channelAlpn}; it may be an older version.`);
  }
  const channel = new AgentChannel({ ...opening, socket, gateway, via, isListening });
  try {
    await channel.hello({ instance: opening.instance, version: agentVersion }, opening.signal);
    return channel;
  } catch (error) {
    channel.close("hello failed");
    throw asAgentError(error, "channel-failed");
  }
}

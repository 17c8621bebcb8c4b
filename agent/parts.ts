/** The parts that live while the agent works, put together: the way to the management server, the agent channel, and reverse access over it. */
import type { Duplex } from "node:stream";
import type { GatewayStreamHead } from "../contract/channel.ts";
import { type AgentChannel, endWith } from "./channel/channel.ts";
import { ChannelKeeper } from "./channel/keeper.ts";
import type { ChannelListener } from "./channel/listener.ts";
import { acceptChannel, channelPlaces } from "./channel/open.ts";
import { AgentError, asAgentError } from "./errors.ts";
import type { LocalSettings } from "./local-settings.ts";
import type { AgentLog } from "./log.ts";
import { type ActivePath, type KeeperOptions, PathKeeper } from "./path/keeper.ts";
import type { Trust } from "./path/route.ts";
import { ReachServer } from "./reach/server.ts";
import { ReportConnection } from "./report-connection.ts";
import type { AgentWork } from "./work.ts";

export type PartsOptions = {
  log: AgentLog;
  local: LocalSettings;
  instance: string;
  listener: ChannelListener | undefined;
  work: AgentWork;
  trust: () => Trust;
  onRefused: NonNullable<KeeperOptions["onRefused"]>;
  /** Something that the status shows changed; with the path when it is that. */
  onChange: (active?: ActivePath) => void;
};

export type Parts = {
  keeper: PathKeeper;
  reports: ReportConnection;
  channels: ChannelKeeper;
  reach: ReachServer;
  /** From now on each connection by which we are dialled becomes a channel. */
  acceptChannels: (signal: AbortSignal) => void;
};

/** Longer than the pause after which the management server is asked again (path/keeper.ts), which ends or renews it, ms. */
const refusedRestMs = 45_000;

export function makeParts(options: PartsOptions): Parts {
  const { work, local, log, listener } = options;
  const shared = { policy: work.policy, trust: options.trust, log, instance: options.instance };
  const isListening = listener !== undefined;
  const reach = new ReachServer({ policy: work.policy, identity: work.identity, local: local.reach, log, now: work.now });
  const channels: ChannelKeeper = new ChannelKeeper({
    ...shared,
    isListening,
    onStream: (stream, head, channel) => serve(stream, head, { reach, channel, work }),
    onChange: () => {
      options.onChange();
      if (isListening && channels.route) keeper.kick();
    },
  });
  const onRefused: PartsOptions["onRefused"] = (code, chainPem) => {
    const isChanged = options.onRefused(code, chainPem);
    if (!isChanged) channels.rest(refusedRestMs);
    return isChanged;
  };
  const keeper: PathKeeper = new PathKeeper({ ...shared, isListening, channelRoute: () => channels.route, isProofNeeded: true, onRefused, onChange: options.onChange });
  return { keeper, reports: new ReportConnection({ ...shared, keeper }), channels, reach, acceptChannels: (signal) => acceptChannels(options, channels, signal) };
}

function serve(stream: Duplex, head: GatewayStreamHead, to: { reach: ReachServer; channel: AgentChannel; work: AgentWork }): void {
  switch (head.kind) {
    case "reach":
      return void to.reach.serve(stream, head, to.channel);
    case "wake":
      endWith(stream, { kind: "accepted" });
      for (const wake of to.work.onWake) wake();
  }
}

function acceptChannels({ listener, work }: PartsOptions, channels: ChannelKeeper, signal: AbortSignal): void {
  if (!listener) return;
  listener.onConnection = (socket, source) => {
    acceptChannel(socket, channelPlaces(work.policy()).map((place) => place.gateway), channels.opening(signal)).then(
      (channel) => channels.adopt(channel),
      (error: unknown) => {
        socket.destroy();
        const failure = asAgentError(error, "channel-failed");
        channels.failed(new AgentError(failure.code, `${failure.message} (dialled by ${source})`, failure));
      },
    );
  };
}

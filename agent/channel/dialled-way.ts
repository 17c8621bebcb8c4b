/** How an agent that is dialled reaches the agent site before it has an identity: a connection by which a gateway came is used for one CONNECT, as a dialled one would be. */
import type { Duplex } from "node:stream";
import type { AgentPolicy } from "../../contract/agent-site.ts";
import { AgentError } from "../errors.ts";
import { type ChannelWay, connectOver, type Route, type Trust } from "../path/route.ts";
import type { ChannelListener } from "./listener.ts";

/** The ways of an agent that dials nothing. */
export type DialledWays = {
  route: (policy: AgentPolicy, trust: () => Trust) => Route | undefined;
  /** Calls back when a way may have appeared; the returned function ends it. */
  watch: (kick: () => void) => () => void;
};

/** Those of an agent that has no channel yet. */
export function dialledWays(listener: ChannelListener): DialledWays {
  return {
    route: (policy, trust) => dialledWay(listener, policy, trust),
    watch: (kick) => {
      listener.onWaiting = kick;
      return () => (listener.onWaiting = undefined);
    },
  };
}

/** Undefined without gateways: there would be no pin to know one by. */
function dialledWay(listener: ChannelListener, policy: AgentPolicy, trust: () => Trust): Route | undefined {
  const [first] = policy.gateways;
  if (!first) return undefined;
  const openTo: ChannelWay["openTo"] = async (target, { timeoutMs, signal }): Promise<Duplex> => {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const over = await listener.next(patience).catch((cause: unknown) => {
      throw new AgentError("gateway-unreachable", "No gateway has dialled this agent yet.", cause);
    });
    return connectOver({ over, gateways: policy.gateways }, target, { trust: trust(), signal });
  };
  return { kind: "channel", channel: { gatewayId: first.id, gatewayName: first.name, channelId: "dialled", openTo } };
}

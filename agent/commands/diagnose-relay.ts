/** The relay's part of a diagnosis: whether it can be reached at all, and what no relay can solve. */
import { agentErrors } from "../../contract/error-codes.ts";
import { asAgentError } from "../errors.ts";
import { authority } from "../path/connect.ts";
import type { RelayUse } from "../path/route.ts";
import { dialBehind } from "../path/tcp.ts";
import type { Finding } from "./diagnose.ts";

/** Name of its finding. */
export const relayWay = "relay";
const timeoutMs = 5_000;

/** TCP to the relay; nothing behind it can work without. */
export async function walkRelay(relay: RelayUse): Promise<Finding> {
  const startedAt = performance.now();
  const finding: Finding = { way: relayWay, target: authority(relay.host, relay.port), isWorking: false, steps: [], failedAfter: null, code: null, detail: "", cure: null, connectionId: null, clockSkewMs: null };
  try {
    const socket = await dialBehind(relay, { host: relay.host, port: relay.port, timeoutMs, signal: AbortSignal.timeout(timeoutMs + 1_000), failure: { unresolved: "relay-unreachable", unreachable: "relay-unreachable" } });
    socket.destroy();
    const ms = Math.round(performance.now() - startedAt);
    return { ...finding, isWorking: true, steps: [{ step: "tcp", ms }], detail: relay.isValidated ? "takes connections" : "takes connections; CERTIFICATES ARE NOT CHECKED (validation is off)" };
  } catch (error) {
    const failure = asAgentError(error, "relay-unreachable");
    return { ...finding, failedAfter: "idle", code: failure.code, detail: failure.message, cure: agentErrors[failure.code].cure };
  }
}

/** Said when a way through the relay fails, so that nobody looks for the fault where it is not (S4-04, S4-05). */
export function relayLimits(relay: RelayUse): string[] {
  const place = authority(relay.host, relay.port);
  return [
    `What a relay cannot solve: it helps where this computer reaches the relay, and the relay the gateway. A network that lets this computer reach nothing, not even ${place}, needs a rule for this one address and port; where nothing may go out but the relay may come in, let the agent wait to be dialled instead (SALLYPORT_LISTEN=2003, the same address in the relay's list of listening agents).`,
    "And a relay carries what agents say, nothing else: a cloud's own API (starting, stopping or listing machines) that cannot be reached from where it is called stays out of reach with any relay.",
  ];
}

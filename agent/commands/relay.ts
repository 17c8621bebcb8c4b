/** `sallyport-agent relay`: which relay this computer uses, and changing it. */
import type { AgentConfig } from "../config.ts";
import { localSettings, storeRelay } from "../local-settings.ts";
import { authority } from "../path/connect.ts";
import { PolicyStore } from "../policy-store.ts";

export function showRelay(config: AgentConfig, change: { relay: string | undefined; validation: string | undefined }): number {
  storeRelay(config.stateDir, change);
  const local = localSettings(config);
  const fromPolicy = new PolicyStore(config.stateDir).load()?.policy.relay ?? null;
  const relay = local.relay ?? fromPolicy;
  const source = local.relay === null ? "from the policy" : config.environment.relay === undefined ? "set on this computer" : "from SALLYPORT_RELAY";
  const lines = [
    relay === null ? "No relay: this computer connects to gateways and servers itself." : `Every connection goes to the relay ${authority(relay.host, relay.port)} (${source}).`,
    ...(local.isRelayValidationOff ? ["WARNING: the gateway's certificate is not compared with its pins. Whoever controls the network in between can pretend to be the gateway; the management server's certificate is checked all the same. The console shows and audits this."] : []),
    ...(change.relay === undefined && change.validation === undefined ? [] : ["A running agent takes it at its next start: systemctl restart sallyport-agent"]),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
  return 0;
}

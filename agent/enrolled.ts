/** What a helper command (proxy, diagnose) needs of the running agent's state: identity and policy as they are on disk now. */
import type { AgentPolicy } from "../contract/agent-site.ts";
import type { AgentConfig } from "./config.ts";
import { AgentError } from "./errors.ts";
import { initialPolicy } from "./identity/enrol.ts";
import { pemList } from "./identity/pem.ts";
import { IdentityStore, type StoredIdentity } from "./identity/store.ts";
import { effectivePolicy, localSettings, relayUse } from "./local-settings.ts";
import type { Trust } from "./path/route.ts";
import { PolicyStore } from "./policy-store.ts";

export type Enrolled = { identity: StoredIdentity; trust: Trust; policy: () => AgentPolicy };

/** Throws `not-enrolled`. The policy is read again at most once a second, so that a long-running helper follows the agent. */
export function loadEnrolled(config: AgentConfig): Enrolled {
  const store = new IdentityStore(config.stateDir);
  // A helper uses what has worked; the unproven identity is the running agent's business.
  const identity = store.load("current") ?? store.load("next");
  const policies = new PolicyStore(config.stateDir);
  const pending = store.loadPending();
  const stored = policies.load()?.policy ?? (pending ? initialPolicy(pending) : undefined);
  if (!identity || !stored) throw new AgentError("not-enrolled", `There is no identity in ${config.stateDir}.`);
  const local = localSettings(config);
  let cached = stored;
  let readAt = Date.now();
  const policy = () => {
    if (Date.now() - readAt > 1_000) {
      cached = policies.load()?.policy ?? cached;
      readAt = Date.now();
    }
    return effectivePolicy(cached, local);
  };
  return { identity, trust: { credentials: { chainPem: identity.chainPem, keyPem: identity.keyPem }, ca: pemList(identity.caPem), relay: relayUse(stored, local) }, policy };
}

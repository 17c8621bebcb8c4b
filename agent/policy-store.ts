/** The last good policy on disk, so that the agent starts with it when nothing can be reached (S1-57). */
import path from "node:path";
import { type AgentPolicy, agentPolicy } from "../contract/agent-site.ts";
import { makePrivateDir, readTextFile, writeFileWhole } from "./files.ts";

export type StoredPolicy = { policy: AgentPolicy; etag: string | null };

export class PolicyStore {
  readonly #file: string;

  constructor(stateDir: string) {
    makePrivateDir(stateDir);
    this.#file = path.join(stateDir, "policy.json");
  }

  /** Undefined when there is none, or when it is damaged: then the next one that comes down replaces it. */
  load(): StoredPolicy | undefined {
    const text = readTextFile(this.#file);
    if (text === undefined) return undefined;
    try {
      const value = JSON.parse(text) as { policy: unknown; etag: unknown };
      return { policy: agentPolicy.parse(value.policy), etag: typeof value.etag === "string" ? value.etag : null };
    } catch {
      return undefined;
    }
  }

  save(stored: StoredPolicy): void {
    writeFileWhole(this.#file, `${JSON.stringify(stored, null, 1)}\n`);
  }
}

/** The least that an agent can work with: one address of the management server, nothing else allowed. */
export function barePolicy(organisationId: string, server: { name: string; host: string; port: number }): AgentPolicy {
  return {
    format: 1,
    revision: 0,
    agentId: null,
    organisationId,
    organisationName: "",
    isCloudEnabled: false,
    servers: [{ id: organisationId, kind: "management", isAgentSite: true, ...server }],
    gateways: [],
    requestProxy: null,
    channelProxy: null,
    reportEverySeconds: 30,
    inventoryEverySeconds: 3_600,
    consoleKeys: { signing: [], encryption: [] },
    reach: { services: [], scripts: [] },
    hasChannel: true,
    relay: null,
  };
}

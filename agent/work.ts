/** What tasks and other parts may ask of the running agent, so that they need not know how it keeps its ways and its identity. */
import type { Duplex } from "node:stream";
import type { z } from "zod";
import type { AgentPolicy, agentStatusReply } from "../contract/agent-site.ts";
import type { AgentConfig } from "./config.ts";
import type { StoredIdentity } from "./identity/store.ts";
import type { AgentLog } from "./log.ts";
import type { HttpRequest, HttpResponse } from "./path/http.ts";

export type AgentWork = {
  readonly config: AgentConfig;
  readonly log: AgentLog;
  /** Undefined before enrolment. */
  readonly identity: () => StoredIdentity | undefined;
  readonly policy: () => AgentPolicy;
  /** The management server's clock as far as it is known, ms since 1970. */
  readonly now: () => number;
  /** A request to the agent site on whatever way there is; repeated until it is answered. Rejects when the answer's status is 400 or above. */
  readonly ask: (request: HttpRequest) => Promise<HttpResponse>;
  /** A connection of its own to the agent site on the way in use, verified like the usual one; `host` is for the request's head. */
  readonly openSession: (signal: AbortSignal) => Promise<{ socket: Duplex; host: string }>;
  readonly refreshPolicy: () => Promise<void>;
  readonly sendInventory: () => Promise<void>;
  /** Changes over to an identity that was just stored as `next`. */
  readonly takeNewIdentity: () => void;
  /** Ends the agent in order; what started it starts it again. */
  readonly stop: () => void;
  /** Called when a gateway says that commands wait. */
  readonly onWake: (() => void)[];
  /** Called with each answer to a status report. */
  readonly onReply: ((reply: z.infer<typeof agentStatusReply>) => void)[];
};

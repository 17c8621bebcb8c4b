/** The interfaces for commands and for what keeps an agent able to take them: its keys, its certificate, its program (contract/command.ts). */
import { agentRenewal } from "../../contract/agent-site.ts";
import { agentKeysDelivery, commandRejections, taskResultUpload } from "../../contract/command.ts";
import { storeAgentKeys } from "../services/agent/keys.ts";
import { renewAgent } from "../services/agent/renew.ts";
import { commandsFor } from "../services/task/commands.ts";
import { recordRejections } from "../services/task/rejections.ts";
import { recordResults } from "../services/task/results.ts";
import { readJson, sendEmpty, sendJson } from "./answer.ts";
import { sendProgram } from "./program-route.ts";
import type { AgentExchange } from "./router.ts";

export const commandRoutes: Record<string, (exchange: AgentExchange) => Promise<void>> = {
  "PUT /v1/keys": takeKeys,
  "GET /v1/commands": async ({ response, peer, caller }) => sendJson(response, 200, await commandsFor(caller, peer.agentId)),
  "POST /v1/results": takeResults,
  "POST /v1/rejections": takeRejections,
  "POST /v1/renew": renew,
  "GET /v1/program": sendProgram,
};

async function takeKeys({ request, response, peer, caller }: AgentExchange): Promise<void> {
  const { sealed } = await readJson(request, agentKeysDelivery);
  await storeAgentKeys(caller, peer.agentId, sealed);
  sendEmpty(response, 204);
}

async function takeResults({ request, response, peer, caller }: AgentExchange): Promise<void> {
  const { results } = await readJson(request, taskResultUpload);
  await recordResults(caller, peer.agentId, results);
  sendEmpty(response, 204);
}

async function takeRejections({ request, response, peer, caller }: AgentExchange): Promise<void> {
  const { rejections } = await readJson(request, commandRejections);
  await recordRejections(caller, peer.agentId, rejections);
  sendEmpty(response, 204);
}

async function renew({ request, response, peer, caller }: AgentExchange): Promise<void> {
  sendJson(response, 200, await renewAgent(caller, peer.agentId, await readJson(request, agentRenewal)));
}

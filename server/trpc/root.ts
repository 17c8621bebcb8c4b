/** The list of routers: the whole door. Browser, REST and CLI know only its type. */
import { router } from "./init.ts";
import { apiKeyRouter } from "./routers/api-key.ts";
import { auditRouter, liveRouter, overviewRouter, refusalRouter, searchRouter } from "./routers/activity.ts";
import { agentRouter } from "./routers/agent.ts";
import { agentGroupRouter } from "./routers/agent-group.ts";
import { bundleRouter } from "./routers/bundle.ts";
import { certificateRouter } from "./routers/certificate.ts";
import { gatewayRouter } from "./routers/gateway.ts";
import { guideRouter } from "./routers/guide.ts";
import { lintRouter } from "./routers/lint.ts";
import { organisationRouter } from "./routers/organisation.ts";
import { policyRouter } from "./routers/policy.ts";
import { poolRouter } from "./routers/pool.ts";
import { reachRequestRouter, reachRuleRouter, reachSessionRouter } from "./routers/reach.ts";
import { relayRouter, topologyRouter } from "./routers/relay.ts";
import { serverRouter } from "./routers/server.ts";
import { siteRouter } from "./routers/site.ts";
import { taskBatchRouter, taskRouter } from "./routers/task.ts";
import { userRouter } from "./routers/user.ts";
import { virtualServiceRouter } from "./routers/virtual-service.ts";

export const appRouter = router({
  site: siteRouter,
  server: serverRouter,
  gateway: gatewayRouter,
  agentGroup: agentGroupRouter,
  agent: agentRouter,
  policy: policyRouter,
  pool: poolRouter,
  virtualService: virtualServiceRouter,
  relay: relayRouter,
  topology: topologyRouter,
  reachRule: reachRuleRouter,
  reachRequest: reachRequestRouter,
  reachSession: reachSessionRouter,
  task: taskRouter,
  taskBatch: taskBatchRouter,
  certificate: certificateRouter,
  bundle: bundleRouter,
  user: userRouter,
  apiKey: apiKeyRouter,
  audit: auditRouter,
  refusal: refusalRouter,
  lint: lintRouter,
  guide: guideRouter,
  organisation: organisationRouter,
  overview: overviewRouter,
  search: searchRouter,
  live: liveRouter,
});

export type AppRouter = typeof appRouter;

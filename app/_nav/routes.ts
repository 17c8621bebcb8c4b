/** Every path of the console, typed; nobody writes one by hand. */
const object = (base: `/${string}`) => ({
  list: base,
  create: `${base}/new`,
  detail: (id: string) => `${base}/${id}`,
  edit: (id: string) => `${base}/${id}/edit`,
});

export const routes = {
  overview: "/",
  guide: "/guide",
  agents: { list: "/agents", enrol: "/agents/enrol", detail: (id: string) => `/agents/${id}`, withState: (state: string) => `/agents?state=${state}`, inGroup: (groupId: string) => `/agents?groupId=${groupId}` },
  groups: object("/groups"),
  policies: object("/policies"),
  bundles: { list: "/bundles", create: "/bundles/new", detail: (id: string) => `/bundles/${id}` },
  gateways: object("/gateways"),
  virtualServices: object("/virtual-services"),
  pools: object("/pools"),
  relays: object("/relays"),
  reachRules: object("/reach-rules"),
  reachRequests: "/reach-requests",
  reachSessions: "/reach-sessions",
  tasks: { list: "/tasks", create: "/tasks/new", detail: (id: string) => `/tasks/${id}`, batch: (id: string) => `/tasks/batches/${id}` },
  topology: "/topology",
  findings: "/findings",
  sites: object("/sites"),
  servers: object("/servers"),
  certificates: { list: "/certificates", import: "/certificates/import", issue: "/certificates/issue", detail: (id: string) => `/certificates/${id}` },
  refusals: { list: "/refusals", withCode: (code: string) => `/refusals?code=${code}`, ofAgent: (agentId: string) => `/refusals?agentId=${agentId}`, ofGateway: (gatewayId: string) => `/refusals?gatewayId=${gatewayId}` },
  audit: { list: "/audit", ofTarget: (targetId: string) => `/audit?targetId=${targetId}` },
  settings: { organisation: "/settings/organisation", agentSite: "/settings/agent-site", users: "/settings/users", apiKeys: "/settings/api-keys" },
  signIn: "/sign-in",
  setup: "/setup",
  invite: "/invite",
} as const;

/** Page of a found object. */
export const routeOfKind = {
  site: routes.sites.detail,
  server: routes.servers.detail,
  gateway: routes.gateways.detail,
  agentGroup: routes.groups.detail,
  agent: routes.agents.detail,
  policy: routes.policies.detail,
  certificate: routes.certificates.detail,
  bundle: routes.bundles.detail,
  pool: routes.pools.detail,
  virtualService: routes.virtualServices.detail,
  relay: routes.relays.detail,
  reachRule: routes.reachRules.detail,
} as const satisfies Record<string, (id: string) => string>;

/** Pages of the documentation that help and empty states point to; they come from the installation's own docs folder. */
export const docs = {
  firstRun: "/docs/first-run",
  sites: "/docs/GLOSSARY",
  servers: "/docs/GLOSSARY",
  gateways: "/docs/gateways",
  virtualServices: "/docs/virtual-services",
  pools: "/docs/virtual-services",
  findings: "/docs/lint",
  loadBalancers: "/docs/load-balancers",
  agents: "/docs/agents",
  groups: "/docs/groups",
  policies: "/docs/policies",
  bundles: "/docs/agents",
  certificates: "/docs/trust",
  refusals: "/docs/errors",
  audit: "/docs/GLOSSARY",
  users: "/docs/api",
  apiKeys: "/docs/api",
} as const;

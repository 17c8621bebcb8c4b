"use client";
/** Help for the page one is on: what its things are, and where the documentation says more. */
import { usePathname } from "next/navigation";
import { docs, routes } from "@/app/_nav/routes.ts";
import { Button, LinkButton } from "@/app/_ui/button.tsx";
import { Dialog } from "@/app/_ui/dialog.tsx";

type Topic = { title: string; text: string[]; docs: string };

const topics: [prefix: string, topic: Topic][] = [
  [routes.guide, { title: "First run", text: ["Seven steps from an empty console to an agent outside that reaches a server inside.", "A step turns green only after a real check. You can leave at any time; what you made stays and can be changed later."], docs: docs.firstRun }],
  [routes.agents.list, { title: "Agents", text: ["An agent is the program on an endpoint. It uses the LAN while it can, and the gateways of its policy when it cannot.", "Online means that bytes were proven over the data path within the last 90 seconds. Late is up to 15 minutes, offline is longer.", "Revoking takes effect on every connected gateway within 2 seconds."], docs: docs.agents }],
  [routes.groups.list, { title: "Groups", text: ["A group is what a policy targets. A static group has fixed members; a dynamic group has a rule over what agents report."], docs: docs.groups }],
  [routes.policies.list, { title: "Policies", text: ["A policy says which gateways the agents of its groups use, in which order, and which certificate fingerprints they accept there.", "An agent in no enabled policy works on the LAN only."], docs: docs.policies }],
  [routes.bundles.list, { title: "Bundles", text: ["An offline bundle is a signed installer with policy, CA, pins and a one-time token. An agent installed from it can enrol from outside, through the gateway."], docs: docs.bundles }],
  [routes.gateways.list, { title: "Gateways", text: ["A gateway stands in the DMZ and carries the inner TLS session from each agent to the servers assigned to it. It dials the console; the console never dials it.", "It keeps serving its last good revision when the console is away."], docs: docs.gateways }],
  [routes.findings, { title: "Findings", text: ["The console reads all settings, and what gateways and checks saw, for what works today and hurts tomorrow.", "An error is refused when you save, or cuts clients off now. A warning hurts sooner or later. A note is worth knowing."], docs: docs.findings }],
  [routes.virtualServices.list, { title: "Virtual services", text: ["A virtual service is what clients connect to: an address, a port and names on your gateways, with a pool of servers behind. It is one object with one switch for its mode.", "Pass-through hands TLS on untouched. Off-load (SSL off-loading, SSL acceleration) ends it at the gateway. Re-encrypt (SSL bridging, reverse SSL) ends it and begins it again towards the member.", "A change is live in under a second, and leaves connections that stand alone."], docs: docs.virtualServices }],
  [routes.pools.list, { title: "Pools", text: ["A pool lists servers that can serve the same thing, in the order of fail-over.", "Up, next hop down: the member itself answers, but what it forwards to does not. It stays in service unless the check says otherwise.", "Drain lets sessions finish and takes no new ones. Disable takes nothing at all. Neither ends a connection unless you ask for it."], docs: docs.pools }],
  [routes.relays.list, { title: "Relays", text: ["A relay stands in a network that nobody can reach, and carries the connections of the agents there to a gateway. To them it looks like the gateway and the agent site; it ends none of their TLS and keeps no state.", "Nothing passes through it before an administrator has compared its fingerprint and confirmed it.", "Several nodes behind a balancer share one relay id."], docs: docs.relays }],
  [routes.reachRules.list, { title: "Reach rules", text: ["A reach rule says which services of which agent groups which people, roles or API keys may reach, for how long, and whether somebody must approve it first.", "The console answers each request with a grant that gateway and agent both check. The agent keeps its own copy of the list and refuses the rest."], docs: docs.reach }],
  [routes.reachSessions, { title: "Sessions", text: ["Each connection into an agent's computer is a session: who, what, when, how many bytes, why it ended. It can be ended here at any time.", "It ends by itself after the time in its rule."], docs: docs.reach }],
  [routes.reachRequests, { title: "Requests", text: ["Where a rule asks for approval, the caller says why, and one of the roles in the rule decides. An approval ends by itself."], docs: docs.reach }],
  [routes.tasks.list, { title: "Tasks", text: ["A task is something that one agent does: now if it has a channel, otherwise when it next appears, until the task expires.", "It is signed by the console and sealed to the agent's own key; gateways and relays can neither read nor change it. It is carried out at most once.", "Over groups, only so many run at once, and the batch halts when more than a share of them fails."], docs: docs.tasks }],
  [routes.topology, { title: "Topology", text: ["The organisation as a picture. Gateway: arch. Relay: small arch on a line. Server: square. Agent: dot. Site: soft rectangle. A tunnel is a double line, plain TCP a single one; where one is cut, the gap says why.", "Plus and minus zoom, 0 shows everything, arrow keys move the zoomed picture, and walk the members of a cloud."], docs: docs.gateways }],
  [routes.sites.list, { title: "Sites", text: ["An intranet site is a set of subnets. The internet site holds whoever is on none of them.", "A management server never belongs to an internet site: the agent reaches it through the gateway, not over a public address."], docs: docs.sites }],
  [routes.servers.list, { title: "Servers", text: ["A management server is where agents report and get their policy. A site server serves the agents of its sites.", "A gateway forwards only to servers assigned to it."], docs: docs.servers }],
  [routes.certificates.list, { title: "Certificates", text: ["Every certificate the organisation issued or imported. Fingerprints are the SHA-256 of the certificate; the SHA-1 thumbprint is shown for comparing with other tools only."], docs: docs.certificates }],
  [routes.refusals.list, { title: "Refusals", text: ["Connections that a gateway or the agent site turned away, with the reason and what to do about it."], docs: docs.refusals }],
  [routes.audit.list, { title: "Audit", text: ["Who changed what, before and after. Each event carries the hash of the one before it, so that a missing or altered one is noticed."], docs: docs.audit }],
  [routes.settings.users, { title: "Users", text: ["Owner: everything. Administrator: all but people, API keys and the CA. Operator: agents and bundles. Auditor: reads everything, changes nothing."], docs: docs.users }],
  [routes.settings.apiKeys, { title: "API keys", text: ["A key acts with its role under /api/v1 and in the sallyport command. It is shown once."], docs: docs.apiKeys }],
];

const standard: Topic = { title: "Overview", text: ["The map shows the organisation's sites, gateways and agents, with what is wrong drawn where it is wrong. The same facts stand below as a table."], docs: docs.firstRun };

const keys: [string, string][] = [
  ["Ctrl K", "search objects, pages and actions"],
  ["/", "search in this list"],
  ["Esc", "close what is open"],
];

export function Help({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const path = usePathname();
  const topic = topics.find(([prefix]) => path.startsWith(prefix))?.[1] ?? standard;
  return (
    <Dialog
      isOpen={isOpen}
      onClose={onClose}
      title={topic.title}
      actions={
        <>
          <LinkButton href={topic.docs} isExternal>
            Read the documentation
          </LinkButton>
          <Button look="primary" onClick={onClose}>
            Close help
          </Button>
        </>
      }
    >
      {topic.text.map((paragraph) => (
        <p key={paragraph}>{paragraph}</p>
      ))}
      <dl className="mt-1 grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 text-[13px]">
        {keys.map(([key, meaning]) => (
          <div key={key} className="contents">
            <dt>
              <kbd className="rounded border border-line px-1.5 font-mono text-[12px]">{key}</kbd>
            </dt>
            <dd className="text-ink-2">{meaning}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}

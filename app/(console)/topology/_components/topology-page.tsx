"use client";
/** The organisation as a picture: who comes in where, through what, to which servers, and where it is cut. */
import { useQuery } from "@tanstack/react-query";
import { docs, routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { LinkButton } from "@/app/_ui/button.tsx";
import { Empty } from "@/app/_ui/notice.tsx";
import { PageHeader, useTitle } from "@/app/_ui/page.tsx";
import { StateSentence, type Tone } from "@/app/_ui/state.tsx";
import { Loaded } from "../../_shared/loaded.tsx";
import { counted } from "../../_shared/service-words.tsx";
import { useMay } from "../../_shell/use-person.ts";
import { TopologyPicture } from "./topology-picture.tsx";
import { TopologyTables } from "./topology-tables.tsx";

type View = Outputs["topology"]["view"];

export function TopologyPage() {
  useTitle("Topology");
  // States come as events; rates are asked for.
  const topology = useQuery(useTRPC().topology.view.queryOptions(undefined, { refetchInterval: 5_000 }));
  return (
    <>
      <PageHeader title="Topology" purpose="Who comes in where, through what, to which servers. What is cut says why, where it is cut." />
      <Loaded query={topology}>{(view) => <Topology view={view} />}</Loaded>
    </>
  );
}

function Topology({ view }: { view: View }) {
  const mayCreate = useMay("administer");
  const isEmpty = view.gateways.length + view.relays.length + view.servers.length === 0;
  if (isEmpty) {
    return (
      <div className="rounded-lg border border-line bg-surface">
        <Empty title="Nothing to draw yet" why="Once there are sites, servers and a gateway, they are drawn here with what connects them." action={mayCreate && <LinkButton href={routes.guide} look="primary">Continue first run</LinkButton>} docs={docs.firstRun} />
      </div>
    );
  }
  const { tone, text } = summary(view);
  return (
    <div className="flex flex-col gap-4">
      <StateSentence tone={tone}>{text}</StateSentence>
      <TopologyPicture view={view} />
      <details>
        <summary className="w-fit rounded-md px-1 text-[14px] font-medium">The same facts as tables</summary>
        <div className="mt-3">
          <TopologyTables view={view} />
        </div>
      </details>
    </div>
  );
}

/** What is wrong, in one sentence; or that nothing is. */
function summary(view: View): { tone: Tone; text: string } {
  const gatewaysDown = view.gateways.filter((gateway) => gateway.state === "disconnected").length;
  const relaysAway = view.relays.filter((relay) => relay.state === "away").length;
  const serversDown = view.servers.filter((server) => !server.isReady).length;
  const parts = [
    ...(gatewaysDown > 0 ? [`${counted(gatewaysDown, "gateway is", "gateways are")} disconnected`] : []),
    ...(relaysAway > 0 ? [`${counted(relaysAway, "relay is", "relays are")} away`] : []),
    ...(serversDown > 0 ? [`${counted(serversDown, "server is", "servers are")} not ready`] : []),
  ];
  const cuts = view.cuts.length === 0 ? "" : `${parts.length > 0 ? "; " : ""}${counted(view.cuts.length, "link is", "links are")} cut`;
  const present = ([[view.gateways, "gateway"], [view.relays, "relay"], [view.servers, "server"]] as const).flatMap(([list, noun]) => (list.length === 0 ? [] : [counted(list.length, noun)]));
  if (parts.length === 0 && cuts === "") return { tone: "ok", text: `Everything is connected: ${present.join(", ")}.` };
  const sentence = `${parts.join(", ")}${cuts}.`;
  return { tone: gatewaysDown + relaysAway + view.cuts.length > 0 ? "fault" : "warn", text: sentence.charAt(0).toUpperCase() + sentence.slice(1) };
}

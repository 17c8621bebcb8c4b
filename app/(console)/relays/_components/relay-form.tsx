"use client";
/** Creating and changing a relay. */
import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useForm } from "react-hook-form";
import type { z } from "zod";
import { listeningAgentPortDefault, relayPortDefault } from "@/contract/relay.ts";
import { relayCreate } from "@/contract/relay-objects.ts";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { CheckField, cleanLines, Fold, LinesField, RadioField, SelectField, TextAreaField, TextField } from "@/app/_ui/fields.tsx";
import { Form, FormSection, showProblem } from "@/app/_ui/form.tsx";
import { PageHeader, useTitle } from "@/app/_ui/page.tsx";
import { type Draft, useDraft } from "@/app/_ui/use-draft.ts";
import { AddressFields } from "../../_shared/address-fields.tsx";
import { LoadedOnce } from "../../_shared/loaded.tsx";
import { GatewayPicker } from "../../_shared/pickers.tsx";
import { useSaved } from "../../_shared/use-saved.ts";
import { agentLines, readAgentLines } from "./agent-lines.ts";

type Input = z.input<typeof relayCreate>;
type Values = z.output<typeof relayCreate>;
type Relay = Outputs["relay"]["get"];

const fresh: Input = { name: "", direction: "relay-dials", address: null, gatewayIds: [], behindRelayId: null, agentAddress: null, siteId: null, networks: [], listeningAgents: [], note: "" };
const labels = { name: "Name", relayKey: "Relay id", direction: "Who dials", address: "Its address", gatewayIds: "Gateways", behindRelayId: "Behind relay", agentAddress: "Address for agents", siteId: "Site", networks: "Network", listeningAgents: "Listening agent", note: "Note" };

function RelayFields({ initial, own, submit, cancelHref, save }: { initial: Input; own?: Relay; submit: string; cancelHref: string; save: (values: Values) => Promise<unknown> }) {
  const form = useForm<Input, unknown, Values>({ resolver: zodResolver(relayCreate), defaultValues: initial });
  const draft = useDraft(form);
  const saving = useMutation({ mutationFn: save, onError: (error) => showProblem(form, error) });
  const { values, set, errorOf } = draft;
  return (
    <Form errors={form.formState.errors} labels={labels} submit={submit} cancelHref={cancelHref} isBusy={saving.isPending} onSubmit={(event) => {
      form.setValue("networks", cleanLines(form.getValues("networks") ?? []));
      void form.handleSubmit((result) => saving.mutate(result))(event);
    }}>
      <TextField label="Name" placeholder="Plant Dresden" value={values.name} onChange={(event) => set("name", event.target.value)} error={errorOf("name")} />
      <WayUp draft={draft} own={own} />
      <FormSection title="How its agents reach it" hint="To them it is the gateway and the agent site: only the address that they dial changes.">
        <AddressFields label="Address for agents" isOptional hint="Offered in bundles and commands. Leave it empty when agents are told another way." value={values.agentAddress ?? null} onChange={(address) => set("agentAddress", address)} standardPort={relayPortDefault} errorOf={(path) => errorOf(`agentAddress${path}`)} />
        <Surroundings draft={draft} />
        <ListeningAgents draft={draft} />
      </FormSection>
      {!own && <OwnKey draft={draft} />}
      <TextAreaField label="Note" isOptional value={values.note ?? ""} onChange={(event) => set("note", event.target.value)} error={errorOf("note")} />
    </Form>
  );
}

/** Direction, gateways, and the relay in front. */
function WayUp({ draft: { values, set, errorOf }, own }: { draft: Draft<Input>; own: Relay | undefined }) {
  const direction = values.direction ?? "relay-dials";
  const relays = useQuery(useTRPC().relay.list.queryOptions({ pageSize: 200 }));
  const change = (next: "relay-dials" | "gateway-dials") => {
    set("direction", next);
    set("address", next === "gateway-dials" ? { host: "", port: relayPortDefault } : null);
  };
  return (
    <FormSection title="How it reaches the gateways">
      <RadioField legend="Who dials" name="direction" value={direction} onChange={change} error={errorOf("direction")} options={[
        { value: "relay-dials", label: "The relay dials the gateways", hint: "One outbound rule in the relay's network, none inbound." },
        { value: "gateway-dials", label: "The gateways dial the relay", hint: "For networks that let nothing out: one inbound rule, to the relay's port." },
      ]} />
      {direction === "gateway-dials" && <AddressFields label="Its address" hint="Where the gateways dial it." value={values.address ?? null} onChange={(address) => set("address", address)} standardPort={relayPortDefault} errorOf={(path) => errorOf(`address${path}`)} />}
      <GatewayPicker legend="Gateways" hint="They carry its agents, in the order chosen: another one takes over when the first is away." value={values.gatewayIds} onChange={(ids) => set("gatewayIds", ids)} known={own?.gateways ?? []} error={errorOf("gatewayIds")} />
      <SelectField label="Behind another relay" isOptional hint="Where its network reaches a second relay only. Up to four in a row." value={values.behindRelayId ?? ""} onChange={(event) => set("behindRelayId", event.target.value === "" ? null : event.target.value)} error={errorOf("behindRelayId")}>
        <option value="">No, it reaches the gateways itself</option>
        {relays.data?.rows.filter((relay) => relay.id !== own?.id).map((relay) => <option key={relay.id} value={relay.id}>{relay.name}</option>)}
        {own?.behindRelay && relays.data?.rows.every((relay) => relay.id !== own.behindRelay?.id) && <option value={own.behindRelay.id}>{own.behindRelay.name}</option>}
      </SelectField>
    </FormSection>
  );
}

function Surroundings({ draft: { values, set, errorOf } }: { draft: Draft<Input> }) {
  const sites = useQuery(useTRPC().site.list.queryOptions({ pageSize: 200 }));
  return (
    <>
      <SelectField label="Site" isOptional hint="Where it stands. Tells agents with equal addresses apart for people; their keys tell them apart for the gateway." value={values.siteId ?? ""} onChange={(event) => set("siteId", event.target.value === "" ? null : event.target.value)} error={errorOf("siteId")}>
        <option value="">None</option>
        {sites.data?.rows.map((site) => <option key={site.id} value={site.id}>{site.name}</option>)}
      </SelectField>
      <LinesField label="Networks behind it" isOptional placeholder="10.0.0.0/24" hint="Subnets, one per line. Where two relays of one site overlap you are warned: addresses there say nothing about which agent is meant." value={values.networks ?? []} onChange={(networks) => set("networks", networks)} error={errorOf("networks")} />
    </>
  );
}

function ListeningAgents({ draft: { values, set, errorOf } }: { draft: Draft<Input> }) {
  const [lines, setLines] = useState(() => agentLines(values.listeningAgents ?? []));
  const change = (next: string[]) => {
    setLines(next);
    set("listeningAgents", readAgentLines(next));
  };
  return (
    <Fold title="Agents that listen" hint="for computers that may not open any connection" isOpen={lines.length > 0}>
      <LinesField label="Addresses of listening agents" isOptional placeholder={`10.0.0.7:${listeningAgentPortDefault}`} hint={`One per line; port ${listeningAgentPortDefault} unless you write another. The relay dials them, and each then holds its channel as usual.`} value={lines} onChange={change} error={errorOf("listeningAgents")} />
    </Fold>
  );
}

function OwnKey({ draft: { values, set, errorOf } }: { draft: Draft<Input> }) {
  const hasOwn = values.relayKey !== undefined;
  return (
    <Fold title="Relay id" hint="the console makes one unless you bring yours" isOpen={hasOwn}>
      <CheckField label="Use an id of mine" hint="For relays that were set up before. It is the same on every node behind one balancer, and cannot be changed later." checked={hasOwn} onChange={(event) => set("relayKey", event.target.checked ? "" : undefined)} />
      {hasOwn && <TextField label="Relay id" isMono value={values.relayKey ?? ""} onChange={(event) => set("relayKey", event.target.value.trim())} error={errorOf("relayKey")} hint="22 to 100 letters, digits, hyphens and underscores." />}
    </Fold>
  );
}

export function RelayCreatePage() {
  const create = useMutation(useTRPC().relay.create.mutationOptions());
  const saved = useSaved();
  return (
    <>
      <PageHeader crumb={{ label: "Relays", href: routes.relays.list }} title="Create relay" purpose="Afterwards you get its settings file. Nothing passes through it before you have confirmed what answered." />
      <RelayFields initial={fresh} submit="Create relay" cancelHref={routes.relays.list} save={async (values) => {
        const { id } = await create.mutateAsync(values);
        saved(`Relay ${values.name} created. Next: start it with its settings file.`, routes.relays.detail(id));
      }} />
    </>
  );
}

export function RelayEditPage({ id }: { id: string }) {
  const relay = useQuery(useTRPC().relay.get.queryOptions({ id }, { refetchOnMount: "always" }));
  useTitle(relay.data && `Change ${relay.data.name}`);
  return <LoadedOnce query={relay}>{(data) => <RelayEdit relay={data} />}</LoadedOnce>;
}

function RelayEdit({ relay }: { relay: Relay }) {
  const update = useMutation(useTRPC().relay.update.mutationOptions());
  const saved = useSaved();
  const href = routes.relays.detail(relay.id);
  const { name, direction, address, agentAddress, networks, listeningAgents, note } = relay;
  return (
    <>
      <PageHeader crumb={{ label: name, href }} title={`Change ${name}`} purpose="Gateways learn it in under a second. Gateways and direction also stand in its settings file: hand out a new one when they change." />
      <RelayFields own={relay} initial={{ name, direction, address, agentAddress, networks, listeningAgents, note, gatewayIds: relay.gateways.map((gateway) => gateway.id), behindRelayId: relay.behindRelay?.id ?? null, siteId: relay.site?.id ?? null }} submit="Save relay" cancelHref={href} save={async ({ relayKey: _fixed, ...values }) => {
        await update.mutateAsync({ ...values, id: relay.id, version: relay.version });
        saved(`Relay ${values.name} saved.`, href);
      }} />
    </>
  );
}

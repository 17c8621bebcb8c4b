"use client";
/** The organisation: name, CA, and how to restart the guide. */
import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useForm } from "react-hook-form";
import { organisationSettings } from "@/contract/objects.ts";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { LinkButton } from "@/app/_ui/button.tsx";
import { CopyBlock, Fingerprint } from "@/app/_ui/copy.tsx";
import { CheckField, TextField } from "@/app/_ui/fields.tsx";
import { Form, showProblem } from "@/app/_ui/form.tsx";
import { ActionError } from "@/app/_ui/notice.tsx";
import { Facts, PageHeader, Section, useTitle } from "@/app/_ui/page.tsx";
import { confirm } from "@/app/_ui/toast.ts";
import { LoadedOnce } from "../../_shared/loaded.tsx";
import { useSaved } from "../../_shared/use-saved.ts";
import { useMay } from "../../_shell/use-person.ts";

type Organisation = Outputs["organisation"]["view"];

export function OrganisationPage() {
  useTitle("Organisation");
  const organisation = useQuery(useTRPC().organisation.view.queryOptions(undefined, { refetchOnMount: "always" }));
  return (
    <>
      <PageHeader title="Organisation" purpose="Everything here belongs to it: objects, people, and the CA that both TLS sessions rest on." />
      <LoadedOnce query={organisation}>{(data) => <Organisation organisation={data} />}</LoadedOnce>
    </>
  );
}

function Organisation({ organisation }: { organisation: Organisation }) {
  const form = useForm({ resolver: zodResolver(organisationSettings), defaultValues: { name: organisation.name } });
  const saved = useSaved();
  const mayChange = useMay("administer");
  const update = useMutation(useTRPC().organisation.update.mutationOptions({ onSuccess: (_, { name }) => saved(`Organisation renamed to ${name}.`, routes.settings.organisation), onError: (error) => showProblem(form, error) }));
  return (
    <div className="flex flex-col gap-4">
      <Section title="Name">
        <Form errors={form.formState.errors} labels={{ name: "Name" }} submit="Save name" isBusy={update.isPending} onSubmit={(event) => void form.handleSubmit((values) => update.mutate(values))(event)}>
          <TextField label="Name" readOnly={!mayChange} hint="Shown to people only; identities do not contain it." error={form.formState.errors.name?.message} {...form.register("name")} />
        </Form>
      </Section>
      <NewAgents organisation={organisation} />
      <Section title="Certificate authority" hint="Root of every certificate that this organisation issues.">
        <Facts
          items={[
            { label: "SHA-256 fingerprint", value: <Fingerprint hex={organisation.caFingerprint} name="CA fingerprint" /> },
            { label: "Trust domain", value: <code className="font-mono text-[12.5px]">{organisation.trustDomain}</code> },
            { label: "Console version", value: organisation.version },
          ]}
        />
        <div className="mt-3">
          <CopyBlock text={organisation.caPem} what="CA certificate" maxHeight />
        </div>
      </Section>
      <Section title="First run" hint="The seven steps, with their real checks. They can be repeated at any time.">
        <LinkButton href={routes.guide}>Open the guide</LinkButton>
      </Section>
    </div>
  );
}

/** S4-34: whether a person approves each agent that enrols. */
function NewAgents({ organisation }: { organisation: Organisation }) {
  const mayChange = useMay("administer");
  const client = useQueryClient();
  const trpc = useTRPC();
  const [isOn, setOn] = useState(organisation.approvesAgents);
  const update = useMutation(
    trpc.organisation.update.mutationOptions({
      onSuccess: (_, { approvesAgents }) => {
        confirm(approvesAgents ? "Agents that enrol from now on wait for approval." : "Agents that enrol from now on are let in at once.");
        void client.invalidateQueries(trpc.organisation.pathFilter());
      },
      onError: () => setOn(organisation.approvesAgents),
    }),
  );
  const change = (approvesAgents: boolean) => {
    setOn(approvesAgents);
    update.mutate({ name: organisation.name, approvesAgents });
  };
  return (
    <Section title="New agents">
      <CheckField label="Approve each agent that enrols" disabled={!mayChange || update.isPending} hint="It then waits until a person has compared its fingerprint: until then no gateway lets it in and no task reaches it. Agents that are in stay in." checked={isOn} onChange={(event) => change(event.target.checked)} />
      <ActionError error={update.error} />
    </Section>
  );
}

"use client";
/** The organisation: name, CA, and how to restart the guide. */
import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useForm } from "react-hook-form";
import { organisationSettings } from "@/contract/objects.ts";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { LinkButton } from "@/app/_ui/button.tsx";
import { CopyBlock, Fingerprint } from "@/app/_ui/copy.tsx";
import { TextField } from "@/app/_ui/fields.tsx";
import { Form, showProblem } from "@/app/_ui/form.tsx";
import { Facts, PageHeader, Section, useTitle } from "@/app/_ui/page.tsx";
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

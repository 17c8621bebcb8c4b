"use client";
/** Issuing a certificate of the organisation's CA for virtual services; its key stays here, sealed, and goes to gateways only. */
import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation } from "@tanstack/react-query";
import { Controller, useForm } from "react-hook-form";
import type { z } from "zod";
import { certificateIssueForService } from "@/contract/objects.ts";
import { routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { cleanLines, LinesField, SelectField, TextField } from "@/app/_ui/fields.tsx";
import { errorAt, Form, showProblem } from "@/app/_ui/form.tsx";
import { PageHeader } from "@/app/_ui/page.tsx";
import { useSaved } from "../../_shared/use-saved.ts";

type Input = z.input<typeof certificateIssueForService>;
type Values = z.output<typeof certificateIssueForService>;

export function CertificateIssuePage() {
  const issue = useMutation(useTRPC().certificate.issueForService.mutationOptions({ onError: (error) => showProblem(form, error) }));
  const saved = useSaved();
  const form = useForm<Input, unknown, Values>({ resolver: zodResolver(certificateIssueForService), defaultValues: { name: "", names: [], keyType: "ec-p256" } });
  const { errors } = form.formState;
  return (
    <>
      <PageHeader crumb={{ label: "Certificates", href: routes.certificates.list }} title="Issue certificate for services" purpose="Issued by this organisation's CA, for clients that trust it. For everyone else, import one of a public CA." />
      <Form errors={errors} labels={{ name: "Name", names: "Names", keyType: "Key" }} submit="Issue certificate" cancelHref={routes.certificates.list} isBusy={issue.isPending} onSubmit={(event) => {
        form.setValue("names", cleanLines(form.getValues("names")));
        void form.handleSubmit((values) => issue.mutate(values, { onSuccess: ({ id }) => saved(`Certificate ${values.name} issued.`, routes.certificates.detail(id)) }))(event);
      }}>
        <TextField label="Name" hint="What it is called here." placeholder="Encryption web" error={errors.name?.message} {...form.register("name")} />
        <Controller control={form.control} name="names" render={({ field }) => <LinesField label="Names it carries" hint="The names that clients use, one per line: mail.example.com, or *.example.com for one label more." placeholder="mail.example.com" value={field.value} onChange={field.onChange} error={errorAt(errors, "names")} />} />
        <SelectField label="Key" hint="RSA only for clients that cannot do ECDSA; its handshakes cost several times more." error={errors.keyType?.message} {...form.register("keyType")}>
          <option value="ec-p256">ECDSA P-256</option>
          <option value="rsa-2048">RSA 2048</option>
        </SelectField>
      </Form>
    </>
  );
}

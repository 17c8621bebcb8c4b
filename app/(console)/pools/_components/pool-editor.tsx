"use client";
/** The settings of a pool, on its own page and inside the form of a new virtual service. */
import type { ReactNode } from "react";
import { schedulingMethods } from "@/contract/pool.ts";
import { CheckField, RadioField, TextAreaField, TextField } from "@/app/_ui/fields.tsx";
import { FormSection } from "@/app/_ui/form.tsx";
import { schedulingWords } from "../../_shared/service-words.tsx";
import { freshChecks } from "./fresh-checks.ts";
import type { PoolValues } from "./fresh-pool.ts";
import { HealthCheckEditor, PassiveCheckEditor } from "./health-check-editor.tsx";
import { MemberEditor } from "./member-editor.tsx";

const spreads = "plain round robin would send the clicks of one session to different members (code round-robin-session-bound). Choose fail-over, or weighted round robin with persistence.";

type Properties = { value: PoolValues; set: <K extends keyof PoolValues & string>(key: K, value: PoolValues[K]) => void; errorOf: (path: string) => string | undefined; notesAt?: (path: string) => ReactNode; standardPort?: number; namePlaceholder?: string };

export function PoolEditor({ value, set, errorOf, notesAt = () => null, standardPort = 443, namePlaceholder = "Mail servers" }: Properties) {
  const scheduling = value.scheduling ?? "failover";
  const bindSessions = (isSessionBound: boolean) => {
    set("isSessionBound", isSessionBound);
    if (isSessionBound && scheduling === "round-robin") set("scheduling", "failover");
  };
  return (
    <>
      <TextField label="Name" placeholder={namePlaceholder} value={value.name} onChange={(event) => set("name", event.target.value)} error={errorOf("name")} notes={notesAt("name")} />
      <FormSection title="Members" hint="Servers that can serve the same thing. Their order is the order of fail-over.">
        <MemberEditor value={value.members ?? []} onChange={(members) => set("members", members)} scheduling={scheduling} errorOf={(path) => errorOf(`members.${path}`)} notesAt={(index) => notesAt(`members.${index}`)} standardPort={standardPort} />
        {notesAt("members")}
      </FormSection>
      <FormSection title="Choosing a member">
        <CheckField label="Sessions live on one member" hint="Logins, shopping carts and the like are known to the member that began them. Plain round robin is refused then, and persistence is asked for." checked={value.isSessionBound ?? false} onChange={(event) => bindSessions(event.target.checked)} notes={notesAt("isSessionBound")} />
        <RadioField legend="Scheduling, in the order of preference" name="scheduling" value={scheduling} onChange={(method) => set("scheduling", method)} error={errorOf("scheduling")} notes={notesAt("scheduling")} options={schedulingMethods.map((method) => ({ value: method, label: schedulingWords[method].label, hint: schedulingWords[method].text, refused: method === "round-robin" && value.isSessionBound ? spreads : null }))} />
        {scheduling === "failover" && <CheckField label="Fail back" hint={value.failsBack === false ? "New sessions stay with the member in use until it fails, even when the first is up again." : "New sessions go back to the first member as soon as it is up again. Sessions that stand stay where they are."} checked={value.failsBack ?? true} onChange={(event) => set("failsBack", event.target.checked)} />}
      </FormSection>
      <HealthCheckEditor value={value.healthCheck ?? freshChecks.tcp} onChange={(check) => set("healthCheck", check)} errorOf={(path) => errorOf(path === "" ? "healthCheck" : `healthCheck.${path}`)} notes={notesAt("healthCheck")} />
      <PassiveCheckEditor value={value.passiveCheck ?? null} onChange={(check) => set("passiveCheck", check)} errorOf={(path) => errorOf(`passiveCheck.${path}`)} />
      {notesAt("")}
      <TextAreaField label="Note" isOptional value={value.note ?? ""} onChange={(event) => set("note", event.target.value)} error={errorOf("note")} />
    </>
  );
}

"use client";
/** Where clients connect: gateways, address and port, and the server names that tell services of one port apart. */
import { CheckField, LinesField, NumberField, TextField } from "@/app/_ui/fields.tsx";
import { FormSection } from "@/app/_ui/form.tsx";
import { GatewayPicker } from "../../_shared/pickers.tsx";
import type { PartProperties } from "./service-draft.ts";

export function WhereFields({ draft, known }: PartProperties & { known: { id: string; name: string }[] }) {
  const { values, set, errorOf, notesAt } = draft;
  const hasNames = values.mode !== "tcp";
  return (
    <FormSection title="Where clients connect">
      <GatewayPicker legend="Gateways" hint="Each of them listens for the service. Two make the service outlive one." value={values.gatewayIds ?? []} onChange={(ids) => set("gatewayIds", ids)} known={known} error={errorOf("gatewayIds")} />
      {notesAt("gatewayIds")}
      <div className="grid gap-4 sm:grid-cols-[1fr_9rem]">
        <TextField label="Address" isMono hint=":: for all addresses of the gateway" value={values.address ?? ""} onChange={(event) => set("address", event.target.value)} error={errorOf("address")} notes={notesAt("address")} />
        <NumberField label="Port" min={1} max={65535} value={values.port} onChange={(port) => set("port", port ?? Number.NaN)} error={errorOf("port")} notes={notesAt("port")} />
      </div>
      {hasNames && (
        <>
          <LinesField label="Server names" isOptional hint="One per line, such as mail.example.com or *.example.com. Several services share a port when their names differ. Empty: every name." placeholder="mail.example.com" value={values.serverNames ?? []} onChange={(names) => set("serverNames", names)} error={errorOf("serverNames")} notes={notesAt("serverNames")} />
          {(values.serverNames ?? []).some((name) => name.trim() !== "") && (
            <>
              <CheckField label="Also clients that send no server name" hint="Very old clients. At most one service of a port takes them; otherwise they are refused." checked={values.takesNoName ?? false} onChange={(event) => set("takesNoName", event.target.checked)} notes={notesAt("takesNoName")} />
              <CheckField label="Also clients that ask for a name no service lists" hint="At most one service of a port takes them; otherwise they are refused." checked={values.takesUnknownNames ?? false} onChange={(event) => set("takesUnknownNames", event.target.checked)} notes={notesAt("takesUnknownNames")} />
            </>
          )}
        </>
      )}
      <TextField label="Name that clients are built with (stamp)" isOptional isMono placeholder="keys.example.com" hint="The full name that stands in the installers of clients. Choose it before enrolling them: clients keep it for life, and the certificate they see must carry it." value={values.stampName ?? ""} onChange={(event) => set("stampName", event.target.value === "" ? null : event.target.value)} error={errorOf("stampName")} notes={notesAt("stampName")} />
    </FormSection>
  );
}

"use client";
/** One switch for the mode, what it does to both legs, the protocol, and the certificates that come with it. */
import { endsTls, type ServiceMode, serviceModes } from "@/contract/virtual-service.ts";
import { isCookiePersistence } from "@/contract/persistence.ts";
import { CheckField, RadioField, SelectField } from "@/app/_ui/fields.tsx";
import { FormSection } from "@/app/_ui/form.tsx";
import { Segmented } from "@/app/_ui/segmented.tsx";
import { PemField } from "../../pools/_components/health-check-editor.tsx";
import { ServiceCertificatePicker } from "../../_shared/pickers.tsx";
import { modeWords } from "../../_shared/service-words.tsx";
import { LegPicture } from "./leg-picture.tsx";
import type { PartProperties, ServiceDraft } from "./service-draft.ts";

/** Changes the mode, and with it what the new mode cannot do: HTTP and cookies need a gateway that can read. */
function switchMode({ values, set }: ServiceDraft, mode: ServiceMode): void {
  set("mode", mode);
  if (mode !== "tls-passthrough") return;
  set("protocol", "tcp");
  if (values.persistence && isCookiePersistence(values.persistence.kind)) set("persistence", { kind: "source-address" });
}

export function ModeFields({ draft, isSaved }: PartProperties & { isSaved: boolean }) {
  const { values, set, errorOf, notesAt } = draft;
  const mode = values.mode ?? "tls-passthrough";
  return (
    <FormSection title="What happens to TLS">
      <Segmented
        legend="Mode"
        name="mode"
        value={mode}
        onChange={(next) => switchMode(draft, next)}
        segments={serviceModes.map((value) => ({ value, label: modeWords[value].label, alias: modeWords[value].alias }))}
        error={errorOf("mode")}
        notes={notesAt("mode")}
        consequence={
          <>
            <div className="my-2"><LegPicture mode={mode} /></div>
            <p>{modeWords[mode].text}</p>
            {isSaved && <p className="mt-1">After a change, connections that stand go on in the old mode; the next ones use the new one.</p>}
          </>
        }
      />
      <RadioField legend="Protocol" name="protocol" value={values.protocol ?? "tcp"} onChange={(protocol) => set("protocol", protocol)} error={errorOf("protocol")} notes={notesAt("protocol")} options={[
        { value: "tcp", label: "Any (bytes)", hint: "Anything over TCP. One connection of the client is one connection to a member." },
        { value: "http", label: "HTTP", hint: "HTTP/1.1 and HTTP/2 are read: cookies for persistence, the client's address in header fields, malformed requests refused.", refused: mode === "tls-passthrough" ? "in pass-through the gateway cannot read what is inside TLS (code http-needs-decryption). Choose off-load or re-encrypt." : null },
      ]} />
      {endsTls(mode) && (
        <>
          <ServiceCertificatePicker value={values.certificateIds ?? []} onChange={(ids) => set("certificateIds", ids)} error={errorOf("certificateIds")} />
          {notesAt("certificateIds")}
        </>
      )}
      {endsTls(mode) && <ClientCertificateFields draft={draft} />}
    </FormSection>
  );
}

function ClientCertificateFields({ draft }: PartProperties) {
  const { values, set, errorOf, notesAt } = draft;
  const { demand = "none", anchorsPem = [], forwards = false } = values.clientCertificate ?? {};
  const setting = { demand, anchorsPem, forwards };
  return (
    <>
      <SelectField label="Certificates of clients" value={setting.demand} onChange={(event) => set("clientCertificate", { ...setting, demand: event.target.value as typeof demand })} error={errorOf("clientCertificate.demand")} notes={notesAt("clientCertificate")} hint={{ none: "Clients are not asked for one.", optional: "A client without one gets in; one with a bad one does not.", required: "A client without a valid one is refused." }[demand]}>
        <option value="none">Not asked for</option>
        <option value="optional">Optional</option>
        <option value="required">Required</option>
      </SelectField>
      {setting.demand !== "none" && (
        <>
          <PemField label="Issuers of client certificates" hint="PEM. Empty: the organisation's CA." value={setting.anchorsPem} onChange={(pems) => set("clientCertificate", { ...setting, anchorsPem: pems })} error={errorOf("clientCertificate.anchorsPem")} />
          {values.protocol === "http" && <CheckField label="Tell members the client's certificate" hint="In the Client-Cert field (RFC 9440). Copies that clients send themselves are removed always." checked={setting.forwards} onChange={(event) => set("clientCertificate", { ...setting, forwards: event.target.checked })} />}
        </>
      )}
    </>
  );
}

"use client";
/** From the gateway to the members: how their TLS is verified, and what they are told about the client. */
import type { z } from "zod";
import type { memberTls } from "@/contract/virtual-service.ts";
import { cleanLines, LinesField, RadioField, SelectField, TextField } from "@/app/_ui/fields.tsx";
import { FormSection } from "@/app/_ui/form.tsx";
import { PemField } from "../../pools/_components/health-check-editor.tsx";
import type { PartProperties } from "./service-draft.ts";

type MemberTls = z.output<typeof memberTls>;
const freshTls: MemberTls = { verify: { kind: "anchors", anchorsPem: [], name: null }, serverName: { kind: "client" } };

export function MemberLegFields({ draft }: PartProperties) {
  const { values, set, errorOf, notesAt } = draft;
  const isHttp = values.protocol === "http";
  return (
    <FormSection title="To the members">
      {values.mode === "tls-reencrypt" && <MemberTlsFields draft={draft} />}
      {isHttp && <HttpFields draft={draft} />}
      <SelectField label="PROXY protocol to members" value={values.sendProxy ?? "off"} onChange={(event) => set("sendProxy", event.target.value as "off" | "v1" | "v2")} error={errorOf("sendProxy")} notes={notesAt("sendProxy")} hint="Tells members who the client is. They must expect it: one that does not takes the header for garbage.">
        <option value="off">Not sent</option>
        <option value="v2">Version 2 (binary)</option>
        <option value="v1">Version 1 (text)</option>
      </SelectField>
    </FormSection>
  );
}

function MemberTlsFields({ draft }: PartProperties) {
  const { values, set, errorOf, notesAt } = draft;
  const setting = { ...freshTls, ...values.memberTls } as MemberTls;
  const { verify, serverName } = setting;
  const change = (patch: Partial<MemberTls>) => set("memberTls", { ...setting, ...patch });
  const choose = (kind: MemberTls["verify"]["kind"]) => change({ verify: kind === "anchors" ? { kind, anchorsPem: [], name: null } : kind === "pinned" ? { kind, fingerprints: [] } : { kind } });
  return (
    <>
      <RadioField legend="Certificates of members" name="member-verify" value={verify.kind} onChange={choose} error={errorOf("memberTls.verify.kind")} notes={notesAt("memberTls")} options={[
        { value: "anchors", label: "Verified by issuer and name", hint: "The organisation's CA and the system's, unless you give others." },
        { value: "pinned", label: "Verified by fingerprint", hint: "Exactly these certificates, whoever issued them. For self-signed ones." },
        { value: "off", label: "Not verified", hint: "Whoever answers at a member's address is believed, and gets everything clients send." },
      ]} />
      {verify.kind === "anchors" && (
        <>
          <PemField label="Issuers of members' certificates" hint="PEM. Empty: the organisation's CA and the system's." value={verify.anchorsPem} onChange={(anchorsPem) => change({ verify: { ...verify, anchorsPem } })} error={errorOf("memberTls.verify.anchorsPem")} />
          <TextField label="Name they must carry" isOptional isMono placeholder="the name sent as SNI, or the member's host" value={verify.name ?? ""} onChange={(event) => change({ verify: { ...verify, name: event.target.value === "" ? null : event.target.value } })} error={errorOf("memberTls.verify.name")} />
        </>
      )}
      {verify.kind === "pinned" && <LinesField label="Fingerprints" hint="SHA-256, one per line." value={verify.fingerprints} onChange={(lines) => change({ verify: { kind: "pinned", fingerprints: lines } })} error={errorOf("memberTls.verify.fingerprints")} />}
      <SelectField label="Server name sent to members (SNI)" value={serverName.kind} onChange={(event) => {
        const kind = event.target.value as MemberTls["serverName"]["kind"];
        change({ serverName: kind === "fixed" ? { kind, name: values.stampName ?? cleanLines(values.serverNames ?? [])[0] ?? "" } : { kind } });
      }}>
        <option value="client">What the client sent</option>
        <option value="member">The member's host name</option>
        <option value="fixed">A fixed name</option>
        <option value="none">None</option>
      </SelectField>
      {serverName.kind === "fixed" && <TextField label="Fixed server name" isMono value={serverName.name} onChange={(event) => change({ serverName: { kind: "fixed", name: event.target.value } })} error={errorOf("memberTls.serverName")} />}
    </>
  );
}

function HttpFields({ draft }: PartProperties) {
  const { values, set, errorOf, notesAt } = draft;
  const memberHost = values.memberHost ?? { kind: "client" as const };
  return (
    <>
      <div className="grid gap-4 sm:grid-cols-2">
        <SelectField label="Host field" value={memberHost.kind} onChange={(event) => {
          const kind = event.target.value as "client" | "member" | "fixed";
          set("memberHost", kind === "fixed" ? { kind, name: values.stampName ?? "" } : { kind });
        }} error={memberHost.kind === "fixed" ? undefined : errorOf("memberHost")} notes={notesAt("memberHost")}>
          <option value="client">What the client sent</option>
          <option value="member">The member&apos;s host name</option>
          <option value="fixed">A fixed name</option>
        </SelectField>
        <SelectField label="HTTP version to members" value={values.memberHttp ?? "1.1"} onChange={(event) => set("memberHttp", event.target.value as "1.1" | "2")} hint="Clients get HTTP/1.1 and HTTP/2 in any case.">
          <option value="1.1">HTTP/1.1</option>
          <option value="2">HTTP/2</option>
        </SelectField>
      </div>
      {memberHost.kind === "fixed" && <TextField label="Fixed Host" isMono value={memberHost.name} onChange={(event) => set("memberHost", { kind: "fixed", name: event.target.value })} error={errorOf("memberHost")} />}
      <SelectField label="The client's address in header fields" value={values.forwardedHeaders ?? "x-forwarded"} onChange={(event) => set("forwardedHeaders", event.target.value as "x-forwarded" | "forwarded" | "both" | "none")} hint="Fields of these names that clients send themselves are never passed on.">
        <option value="x-forwarded">X-Forwarded-For, -Proto and -Host</option>
        <option value="forwarded">Forwarded (RFC 7239)</option>
        <option value="both">Both</option>
        <option value="none">None</option>
      </SelectField>
    </>
  );
}

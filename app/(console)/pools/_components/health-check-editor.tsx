"use client";
/** How a pool's members are checked: the kind, what it asks for, how often, and what that means in seconds. */
import type { z } from "zod";
import type { HealthCheck, passiveCheck } from "@/contract/health-check.ts";
import { CheckField, Fold, NumberField, RadioField, SelectField, TextAreaField, TextField } from "@/app/_ui/fields.tsx";
import { FormSection } from "@/app/_ui/form.tsx";
import { checkWords } from "../../_shared/service-words.tsx";
import { type CheckValues, freshChecks, timingSentence, wholeCheck } from "./fresh-checks.ts";

type PassiveValues = z.input<typeof passiveCheck> | null;
type Active = Exclude<HealthCheck, { kind: "none" }>;
type Of<K extends HealthCheck["kind"]> = Extract<HealthCheck, { kind: K }>;
type ErrorOf = (path: string) => string | undefined;

export function HealthCheckEditor({ value: given, onChange, errorOf, notes }: { value: CheckValues; onChange: (check: CheckValues) => void; errorOf: ErrorOf; notes?: React.ReactNode }) {
  const value = wholeCheck(given);
  const choose = (kind: HealthCheck["kind"]) => {
    const fresh = freshChecks[kind];
    const kept = value.kind !== "none" && fresh.kind !== "none" ? { intervalMs: value.intervalMs, timeoutMs: value.timeoutMs, rise: value.rise, fall: value.fall, jitterPercent: value.jitterPercent, port: value.port } : {};
    onChange({ ...fresh, ...kept });
  };
  return (
    <FormSection title="Health check" hint="Every gateway that serves the pool checks each member on its own.">
      <RadioField legend="Kind" name="check-kind" value={value.kind} onChange={choose} error={errorOf("kind") ?? (value.kind === "none" ? errorOf("") : undefined)} notes={notes} options={(["tcp", "tls", "http", "smtp", "none"] as const).map((kind) => ({ value: kind, label: checkWords[kind].label, hint: checkWords[kind].text }))} />
      {value.kind === "http" && <HttpFields value={value} onChange={onChange} errorOf={errorOf} />}
      {value.kind === "smtp" && <SmtpFields value={value} onChange={onChange} errorOf={errorOf} />}
      {(value.kind === "tls" || (value.kind === "http" && value.isTls) || (value.kind === "smtp" && value.startTls === "required")) && <TlsFields value={value} onChange={onChange} errorOf={errorOf} />}
      {value.kind !== "none" && <TimingFields value={value} onChange={onChange} errorOf={errorOf} />}
    </FormSection>
  );
}

type Part<V> = { value: V; onChange: (check: CheckValues) => void; errorOf: ErrorOf };

function TimingFields({ value, onChange, errorOf }: Part<Active>) {
  const set = (patch: Partial<Active>) => onChange({ ...value, ...patch });
  return (
    <>
      <div className="grid grid-cols-2 gap-4 sm:grid-cols-4">
        <NumberField label="Interval (s)" min={0.5} value={value.intervalMs} factor={1000} onChange={(intervalMs) => set({ intervalMs: intervalMs ?? Number.NaN })} error={errorOf("intervalMs")} />
        <NumberField label="Timeout (s)" min={0.1} value={value.timeoutMs} factor={1000} onChange={(timeoutMs) => set({ timeoutMs: timeoutMs ?? Number.NaN })} error={errorOf("timeoutMs")} />
        <NumberField label="Passes to be up" min={1} max={20} value={value.rise} onChange={(rise) => set({ rise: rise ?? Number.NaN })} error={errorOf("rise")} />
        <NumberField label="Failures to be down" min={1} max={20} value={value.fall} onChange={(fall) => set({ fall: fall ?? Number.NaN })} error={errorOf("fall")} />
      </div>
      <p aria-live="polite" className="-mt-2 text-[13px] text-ink-3">{timingSentence(value)}</p>
      <Fold title="Where and when exactly">
        <div className="grid gap-4 sm:grid-cols-2">
          <NumberField label="Port to check" isOptional isNullable placeholder="the member's own" min={1} max={65535} value={value.port} onChange={(port) => set({ port })} error={errorOf("port")} />
          <NumberField label="Jitter (%)" hint="Each check starts up to this share of the interval early or late, so that many members are not checked in one instant." min={0} max={50} value={value.jitterPercent} onChange={(jitterPercent) => set({ jitterPercent: jitterPercent ?? Number.NaN })} error={errorOf("jitterPercent")} />
        </div>
      </Fold>
    </>
  );
}

function HttpFields({ value, onChange, errorOf }: Part<Of<"http">>) {
  const set = (patch: Partial<Of<"http">>) => onChange({ ...value, ...patch });
  return (
    <>
      <CheckField label="Over TLS (HTTPS)" hint="Choose what the members speak on the port that is checked." checked={value.isTls} onChange={(event) => set({ isTls: event.target.checked })} />
      <div className="grid gap-4 sm:grid-cols-[8rem_1fr]">
        <SelectField label="Method" value={value.method} onChange={(event) => set({ method: event.target.value as Of<"http">["method"] })}>
          {["GET", "HEAD", "OPTIONS"].map((method) => (
            <option key={method}>{method}</option>
          ))}
        </SelectField>
        <TextField label="Path" isMono value={value.path} onChange={(event) => set({ path: event.target.value })} error={errorOf("path")} hint="A page that needs the application itself, such as its login page, says more than a static file." />
      </div>
      <div className="grid grid-cols-2 gap-4">
        <NumberField label="Status from" min={100} max={599} value={value.statusFrom} onChange={(statusFrom) => set({ statusFrom: statusFrom ?? Number.NaN })} error={errorOf("statusFrom")} />
        <NumberField label="Status to" min={100} max={599} value={value.statusTo} onChange={(statusTo) => set({ statusTo: statusTo ?? Number.NaN })} error={errorOf("statusTo")} />
      </div>
      <div className="grid gap-4 sm:grid-cols-2">
        <TextField label="Host field" isOptional isMono placeholder="the member's name" value={value.hostHeader ?? ""} onChange={(event) => set({ hostHeader: event.target.value === "" ? null : event.target.value })} error={errorOf("hostHeader")} />
        <TextField label="Body contains" isOptional placeholder="not read" value={value.bodyContains ?? ""} onChange={(event) => set({ bodyContains: event.target.value === "" ? null : event.target.value })} error={errorOf("bodyContains")} />
      </div>
    </>
  );
}

function SmtpFields({ value, onChange, errorOf }: Part<Of<"smtp">>) {
  const set = (patch: Partial<Of<"smtp">>) => onChange({ ...value, ...patch });
  const { nextHop } = value;
  return (
    <>
      <div className="grid gap-4 sm:grid-cols-2">
        <TextField label="Name in EHLO" isMono value={value.ehloName} onChange={(event) => set({ ehloName: event.target.value })} error={errorOf("ehloName")} />
        <SelectField label="STARTTLS" value={value.startTls} onChange={(event) => set({ startTls: event.target.value as "off" | "required" })} hint="Required: it must be offered, and its handshake must pass.">
          <option value="off">Not looked at</option>
          <option value="required">Required</option>
        </SelectField>
      </div>
      <CheckField label="The members are mail proxies with a next hop" hint="A proxy accepts connections while the mail server behind it is down. The check asks the next hop too, and tells “up, next hop down” from “down”." checked={nextHop !== null} onChange={(event) => set({ nextHop: event.target.checked ? { host: "", port: 25, takesMemberOut: false } : null })} />
      {nextHop && (
        <div className="flex flex-col gap-4 border-l-2 border-line pl-4">
          <div className="grid gap-4 sm:grid-cols-[1fr_9rem]">
            <TextField label="Next hop" isMono placeholder="mta1.example.com" value={nextHop.host} onChange={(event) => set({ nextHop: { ...nextHop, host: event.target.value } })} error={errorOf("nextHop.host")} />
            <NumberField label="Its port" min={1} max={65535} value={nextHop.port} onChange={(port) => set({ nextHop: { ...nextHop, port: port ?? Number.NaN } })} error={errorOf("nextHop.port")} />
          </div>
          <CheckField label="An outage of the next hop takes the member out" hint="Usually wrong: with one next hop for all, every member would be out at once, while each could still queue mail." checked={nextHop.takesMemberOut} onChange={(event) => set({ nextHop: { ...nextHop, takesMemberOut: event.target.checked } })} />
        </div>
      )}
    </>
  );
}

function TlsFields({ value, onChange, errorOf }: Part<Of<"tls" | "http" | "smtp">>) {
  const set = (patch: Partial<Of<"tls">>) => onChange({ ...value, ...(patch as object) });
  return (
    <>
      <div className="grid gap-4 sm:grid-cols-2">
        <SelectField label="Certificate" value={value.verify} onChange={(event) => set({ verify: event.target.value as "anchors" | "off" })} hint="An expired certificate, a foreign issuer or another name fails the check.">
          <option value="anchors">Verified: issuer, name and dates</option>
          <option value="off">Not verified</option>
        </SelectField>
        <NumberField label="Days left, at least" min={0} max={365} value={value.daysLeftMin} onChange={(daysLeftMin) => set({ daysLeftMin: daysLeftMin ?? Number.NaN })} error={errorOf("daysLeftMin")} hint="0: only an expired one fails." />
      </div>
      <Fold title="Name and issuers">
        <TextField label="Name it must carry" isOptional isMono placeholder="the member's own name" value={value.serverName ?? ""} onChange={(event) => set({ serverName: event.target.value === "" ? null : event.target.value })} error={errorOf("serverName")} />
        <PemField label="Issuers it must come from" hint="PEM. Empty: the organisation's CA and the system's." value={value.anchorsPem} onChange={(anchorsPem) => set({ anchorsPem })} error={errorOf("anchorsPem")} />
      </Fold>
    </>
  );
}

/** Certificates in PEM, several in one text. */
export function PemField({ label, hint, value, onChange, error }: { label: string; hint: string; value: readonly string[]; onChange: (pems: string[]) => void; error?: string | undefined }) {
  const split = (text: string) => text.split(/(?<=-----END CERTIFICATE-----)\s*/).filter((part) => part.trim() !== "");
  return <TextAreaField label={label} isOptional isMono hint={hint} rows={3} placeholder="-----BEGIN CERTIFICATE-----" value={value.join("\n")} onChange={(event) => onChange(split(event.target.value))} error={error} />;
}

export function PassiveCheckEditor({ value, onChange, errorOf }: { value: PassiveValues; onChange: (check: PassiveValues) => void; errorOf: ErrorOf }) {
  const set = (patch: Partial<NonNullable<PassiveValues>>) => onChange({ failures: 3, holdMs: 10_000, ...value, ...patch });
  return (
    <FormSection title="Real connections count, too">
      <CheckField label="Take a member out when connections to it fail" hint="The quickest sign of trouble: clients are moved on before the next check." checked={value !== null} onChange={(event) => onChange(event.target.checked ? { failures: 3, holdMs: 10_000 } : null)} />
      {value && (
        <div className="grid grid-cols-2 gap-4">
          <NumberField label="Failures in a row" min={1} max={1000} value={value.failures ?? 3} onChange={(failures) => set({ failures: failures ?? Number.NaN })} error={errorOf("failures")} />
          <NumberField label="Out for (s)" min={1} value={value.holdMs ?? 10_000} factor={1000} onChange={(holdMs) => set({ holdMs: holdMs ?? Number.NaN })} error={errorOf("holdMs")} />
        </div>
      )}
    </FormSection>
  );
}

"use client";
/** Keeping a client on its member. Methods that cannot work in this mode are shown with the reason, and cannot be chosen. */
import { Plus, Trash } from "@phosphor-icons/react";
import type { z } from "zod";
import { isCookiePersistence, type persistence, type Persistence, type PersistenceException, persistenceKinds } from "@/contract/persistence.ts";
import { Button } from "@/app/_ui/button.tsx";
import { Fold, NumberField, RadioField, SelectField, TextField } from "@/app/_ui/fields.tsx";
import { FormSection } from "@/app/_ui/form.tsx";
import { persistenceWords } from "../../_shared/service-words.tsx";
import type { PartProperties } from "./service-draft.ts";

type PersistenceValues = z.input<typeof persistence>;
type Of<K extends Persistence["kind"]> = Extract<Persistence, { kind: K }>;

const fresh: { [K in Persistence["kind"]]: Of<K> } = {
  none: { kind: "none" },
  "cookie-insert": { kind: "cookie-insert", cookieName: "sallyport", lifetimeSeconds: null, sameSite: "lax", endsWithCookie: null, exceptions: [] },
  "cookie-prefix": { kind: "cookie-prefix", cookieName: "JSESSIONID", exceptions: [] },
  "cookie-follow": { kind: "cookie-follow", cookieName: "ovidCookie", idleSeconds: 3_600, exceptions: [] },
  "source-address": { kind: "source-address", prefix4: 32, prefix6: 64, idleSeconds: 1_800 },
  duration: { kind: "duration", seconds: 3_600, prefix4: 32, prefix6: 64, whenDown: "refuse" },
};
const orNaN = (value: number | null) => value ?? Number.NaN;

export function PersistenceFields({ draft }: PartProperties) {
  const { values, set, errorOf, notesAt } = draft;
  const given: PersistenceValues = values.persistence ?? fresh.none;
  const value = { ...fresh[given.kind], ...given } as Persistence;
  const change = (next: Persistence) => set("persistence", next);
  const cookieReason = values.mode === "tls-passthrough" ? "in pass-through the gateway cannot read cookies inside TLS (code persistence-needs-http). Choose off-load or re-encrypt, and the protocol HTTP." : values.protocol !== "http" ? "cookies are read in HTTP only (code persistence-needs-http). Choose the protocol HTTP." : null;
  const at = (path: string) => errorOf(`persistence.${path}`);
  return (
    <FormSection title="Keeping a client on its member" hint="Persistence (the “sticky bit”): a login session must not change its member between two clicks.">
      <RadioField legend="Method" name="persistence" value={value.kind} onChange={(kind) => change(fresh[kind])} error={at("kind")} notes={notesAt("persistence")} options={persistenceKinds.map((kind) => ({ value: kind, label: persistenceWords[kind].label, hint: persistenceWords[kind].text, refused: isCookiePersistence(kind) ? cookieReason : null }))} />
      {value.kind === "cookie-insert" && <InsertFields value={value} onChange={change} at={at} />}
      {value.kind === "cookie-prefix" && <TextField label="Cookie of the application" isMono value={value.cookieName} onChange={(event) => change({ ...value, cookieName: event.target.value })} error={at("cookieName")} hint="The session cookie that it sets at login, such as JSESSIONID. It ends with that cookie, at logout." />}
      {value.kind === "cookie-follow" && (
        <div className="grid gap-4 sm:grid-cols-2">
          <TextField label="Cookie of the application" isMono value={value.cookieName} onChange={(event) => change({ ...value, cookieName: event.target.value })} error={at("cookieName")} />
          <NumberField label="Forgotten after silence of (min)" factor={60} min={1} value={value.idleSeconds} onChange={(idleSeconds) => change({ ...value, idleSeconds: orNaN(idleSeconds) })} error={at("idleSeconds")} />
        </div>
      )}
      {value.kind === "source-address" && (
        <div className="grid gap-4 sm:grid-cols-3">
          <NumberField label="Forgotten after silence of (min)" factor={60} min={1} value={value.idleSeconds} onChange={(idleSeconds) => change({ ...value, idleSeconds: orNaN(idleSeconds) })} error={at("idleSeconds")} />
          <PrefixFields value={value} onChange={(patch) => change({ ...value, ...patch })} at={at} />
        </div>
      )}
      {value.kind === "duration" && (
        <>
          <div className="grid gap-4 sm:grid-cols-3">
            <NumberField label="Stays for (min)" factor={60} min={1} value={value.seconds} onChange={(seconds) => change({ ...value, seconds: orNaN(seconds) })} error={at("seconds")} />
            <PrefixFields value={value} onChange={(patch) => change({ ...value, ...patch })} at={at} />
          </div>
          <SelectField label="While its member is down" value={value.whenDown} onChange={(event) => change({ ...value, whenDown: event.target.value as "refuse" | "move" })} hint="Refusing keeps the promise that a client never changes its member; moving keeps the service up.">
            <option value="refuse">The client is refused</option>
            <option value="move">The client moves to another member</option>
          </SelectField>
        </>
      )}
      {"exceptions" in value && <Exceptions value={value.exceptions} onChange={(exceptions) => change({ ...value, exceptions })} at={at} />}
    </FormSection>
  );
}

type At = (path: string) => string | undefined;

function InsertFields({ value, onChange, at }: { value: Of<"cookie-insert">; onChange: (value: Persistence) => void; at: At }) {
  return (
    <>
      <div className="grid gap-4 sm:grid-cols-3">
        <TextField label="Cookie name" isMono value={value.cookieName} onChange={(event) => onChange({ ...value, cookieName: event.target.value })} error={at("cookieName")} />
        <NumberField label="Lives for (min)" isOptional isNullable placeholder="until the browser closes" factor={60} min={1} value={value.lifetimeSeconds} onChange={(lifetimeSeconds) => onChange({ ...value, lifetimeSeconds })} error={at("lifetimeSeconds")} />
        <SelectField label="SameSite" value={value.sameSite} onChange={(event) => onChange({ ...value, sameSite: event.target.value as Of<"cookie-insert">["sameSite"] })}>
          <option value="lax">Lax</option>
          <option value="strict">Strict</option>
          <option value="none">None</option>
        </SelectField>
      </div>
      <TextField label="Ends when the application deletes this cookie" isOptional isMono placeholder="JSESSIONID" value={value.endsWithCookie ?? ""} onChange={(event) => onChange({ ...value, endsWithCookie: event.target.value === "" ? null : event.target.value })} error={at("endsWithCookie")} hint="At logout: the next login is a new session and may go to another member." />
    </>
  );
}

function PrefixFields({ value, onChange, at }: { value: { prefix4: number; prefix6: number }; onChange: (patch: { prefix4?: number; prefix6?: number }) => void; at: At }) {
  return (
    <>
      <NumberField label="One client: IPv4 bits" min={1} max={32} value={value.prefix4} onChange={(prefix4) => onChange({ prefix4: orNaN(prefix4) })} error={at("prefix4")} />
      <NumberField label="One client: IPv6 bits" min={1} max={128} value={value.prefix6} onChange={(prefix6) => onChange({ prefix6: orNaN(prefix6) })} error={at("prefix6")} />
    </>
  );
}

const freshException: PersistenceException = { name: "", match: { pathPrefix: null, userAgentContains: null, versionBelow: null }, use: "source-address", cookieName: null };
const useWords = { "source-address": "Source address (no cookie)", "cookie-prefix": "Cookie, prefixed", "cookie-insert": "Cookie, inserted", none: "None" } as const satisfies Record<PersistenceException["use"], string>;

/** Classes of clients with another method, for those that break on a second Set-Cookie. */
function Exceptions({ value, onChange, at }: { value: readonly PersistenceException[]; onChange: (exceptions: PersistenceException[]) => void; at: At }) {
  const change = (index: number, patch: Partial<PersistenceException>) => onChange(value.map((exception, position) => (position === index ? { ...exception, ...patch } : exception)));
  const text = (typed: string) => (typed === "" ? null : typed);
  return (
    <Fold title="Exceptions for classes of clients" hint={value.length === 0 ? "none" : String(value.length)} isOpen={value.length > 0}>
      <p className="text-[13px] text-ink-3">Some clients expect exactly one Set-Cookie when they enrol and fail on a second one. A class is found by its path, its User-Agent, or both; the first that fits counts.</p>
      {value.map((exception, index) => (
        <fieldset key={index} className="flex flex-col gap-3 rounded-md border border-line p-3">
          <legend className="px-1 text-[13px] font-medium">Exception {index + 1}</legend>
          <div className="grid gap-3 sm:grid-cols-2">
            <TextField label="Name" placeholder="Enrolment" value={exception.name} onChange={(event) => change(index, { name: event.target.value })} error={at(`exceptions.${index}.name`)} />
            <SelectField label="Method" value={exception.use} onChange={(event) => change(index, { use: event.target.value as PersistenceException["use"], cookieName: event.target.value === "cookie-prefix" ? (exception.cookieName ?? "") : null })}>
              {Object.entries(useWords).map(([use, word]) => <option key={use} value={use}>{word}</option>)}
            </SelectField>
            <TextField label="Path begins with" isOptional isMono placeholder="/enroll" value={exception.match.pathPrefix ?? ""} onChange={(event) => change(index, { match: { ...exception.match, pathPrefix: text(event.target.value) } })} error={at(`exceptions.${index}.match.pathPrefix`)} />
            <TextField label="User-Agent contains" isOptional isMono placeholder="PGP Desktop/" value={exception.match.userAgentContains ?? ""} onChange={(event) => change(index, { match: { ...exception.match, userAgentContains: text(event.target.value) } })} error={at(`exceptions.${index}.match.userAgentContains`)} />
            <TextField label="Only versions below" isOptional isMono placeholder="10.5.1" value={exception.match.versionBelow ?? ""} onChange={(event) => change(index, { match: { ...exception.match, versionBelow: text(event.target.value) } })} error={at(`exceptions.${index}.match.versionBelow`)} />
            {exception.use === "cookie-prefix" && <TextField label="Cookie of the application" isMono value={exception.cookieName ?? ""} onChange={(event) => change(index, { cookieName: text(event.target.value) })} error={at(`exceptions.${index}.cookieName`)} />}
          </div>
          <div>
            <Button size="small" look="danger-quiet" icon={Trash} onClick={() => onChange(value.filter((_, position) => position !== index))}>Remove exception {index + 1}</Button>
          </div>
        </fieldset>
      ))}
      <div>
        <Button size="small" icon={Plus} onClick={() => onChange([...value, freshException])}>Add exception</Button>
      </div>
    </Fold>
  );
}

"use client";
/** Who may say who the client is: PROXY protocol is believed from listed load balancers only, and from them it is required. */
import { LinesField, RadioField } from "@/app/_ui/fields.tsx";

type Accept = { kind: "off" } | { kind: "required"; sources: string[] };

/** `id` keeps the choices of several of these on one page apart. */
export function AcceptProxyFields({ id, value, onChange, error }: { id: string; value: Accept; onChange: (accept: Accept) => void; error?: string | undefined }) {
  return (
    <>
      <RadioField legend="PROXY protocol from" name={`accept-proxy-${id}`} value={value.kind} onChange={(kind) => onChange(kind === "off" ? { kind } : { kind, sources: [] })} error={value.kind === "off" ? error : undefined} options={[
        { value: "off", label: "Nobody", hint: "Clients connect directly, or through something that keeps their address. A header is refused." },
        { value: "required", label: "Listed load balancers, versions 1 and 2", hint: "Each connection must come from one of them and begin with the header; the address in it is the client's for limits, logs and persistence." },
      ]} />
      {value.kind === "required" && <LinesField label="Load balancers" hint="Addresses or subnets that it connects from, one per line." placeholder="10.0.0.5/32" value={value.sources} onChange={(sources) => onChange({ kind: "required", sources })} error={error} />}
    </>
  );
}

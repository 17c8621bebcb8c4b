"use client";
/** What stands in front of the gateway, and the limits of the service, which few people need to change. */
import { Fold, NumberField } from "@/app/_ui/fields.tsx";
import { FormSection } from "@/app/_ui/form.tsx";
import { AcceptProxyFields } from "../../_shared/accept-proxy-fields.tsx";
import type { PartProperties } from "./service-draft.ts";
import type { ServiceSettings } from "./service-values.ts";

type Limits = ServiceSettings["limits"];

/** In the order of a connection's life; `standard` is what counts while a field is empty. */
const times: { key: Exclude<keyof Limits, "bodyBytesMax" | "connectionsMax">; label: string; standard: string; isHttp?: boolean }[] = [
  { key: "handshakeTimeoutMs", label: "TLS handshake (s)", standard: "8" },
  { key: "connectTimeoutMs", label: "Connection to a member (s)", standard: "5" },
  { key: "idleTimeoutMs", label: "Silence (s)", standard: "900" },
  { key: "closingTimeoutMs", label: "Half-closed (s)", standard: "60" },
  { key: "headTimeoutMs", label: "Request head (s)", standard: "10", isHttp: true },
  { key: "bodyTimeoutMs", label: "Pause in a request body (s)", standard: "30", isHttp: true },
  { key: "responseTimeoutMs", label: "Response of a member (s)", standard: "120", isHttp: true },
];

export function FrontFields({ draft }: PartProperties) {
  const { values, set, errorOf, notesAt } = draft;
  return (
    <FormSection title="A load balancer or proxy in front">
      <AcceptProxyFields id="service" value={values.acceptProxy ?? { kind: "off" }} onChange={(acceptProxy) => set("acceptProxy", acceptProxy)} error={errorOf("acceptProxy")} />
      {notesAt("acceptProxy")}
    </FormSection>
  );
}

export function LimitFields({ draft }: PartProperties) {
  const { values, set, errorOf, notesAt } = draft;
  const limits = values.limits ?? {};
  const change = (key: keyof Limits, value: number | null) => {
    const { [key]: _before, ...rest } = limits;
    set("limits", (value === null ? rest : { ...rest, [key]: value }) as NonNullable<typeof values.limits>);
  };
  return (
    <Fold title="Limits" hint="right for most services" isOpen={errorOf("limits") !== undefined || Object.keys(limits).length > 0}>
      <div className="grid gap-4 sm:grid-cols-3">
        {times.filter((entry) => !entry.isHttp || values.protocol === "http").map((entry) => (
          <NumberField key={entry.key} label={entry.label} isNullable placeholder={entry.standard} factor={1000} min={0} value={limits[entry.key]} onChange={(value) => change(entry.key, value)} error={errorOf(`limits.${entry.key}`)} />
        ))}
        <NumberField label="Connections at once" isNullable placeholder="50000" min={1} value={limits.connectionsMax} onChange={(value) => change("connectionsMax", value)} error={errorOf("limits.connectionsMax")} />
        {values.protocol === "http" && <NumberField label="Largest request body (MB)" isNullable placeholder="no limit" factor={1_000_000} min={0} value={limits.bodyBytesMax} onChange={(value) => change("bodyBytesMax", value)} error={errorOf("limits.bodyBytesMax")} />}
      </div>
      {notesAt("limits")}
    </Fold>
  );
}

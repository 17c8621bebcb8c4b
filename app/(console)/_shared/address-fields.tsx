"use client";
/** A host and a port side by side; an empty host means none where that is allowed. */
import { TextField } from "@/app/_ui/fields.tsx";

export type Address = { host: string; port?: number | undefined };

/** `errorOf` gets "" for the whole and ".host", ".port" for its parts. */
export function AddressFields({ label, hint, isOptional = false, value, onChange, standardPort, errorOf, placeholder = "relay.plant.example" }: { label: string; hint?: string; isOptional?: boolean; value: Address | null; onChange: (address: Address | null) => void; standardPort: number; errorOf: (path: "" | ".host" | ".port") => string | undefined; placeholder?: string }) {
  const change = (next: Partial<Address>) => {
    const address = { host: value?.host ?? "", port: value?.port ?? standardPort, ...next };
    onChange(isOptional && address.host === "" ? null : address);
  };
  const port = value?.port ?? standardPort;
  return (
    <div className="grid gap-4 sm:grid-cols-[1fr_9rem]">
      <TextField label={label} isMono isOptional={isOptional} hint={hint} placeholder={placeholder} value={value?.host ?? ""} onChange={(event) => change({ host: event.target.value.trim() })} error={errorOf(".host") ?? errorOf("")} />
      <TextField label="Port" type="number" min={1} max={65535} value={Number.isNaN(port) ? "" : port} onChange={(event) => change({ port: event.target.valueAsNumber })} disabled={isOptional && value === null} error={value === null ? undefined : errorOf(".port")} />
    </div>
  );
}

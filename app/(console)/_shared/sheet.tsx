"use client";
/** Settings for another product, or as a neutral sheet: to read, copy and download. */
import { DownloadSimple } from "@phosphor-icons/react";
import { useState } from "react";
import { Button } from "@/app/_ui/button.tsx";
import { CopyButton } from "@/app/_ui/copy.tsx";
import { LoadError, Skeleton } from "@/app/_ui/notice.tsx";
import { Section } from "@/app/_ui/page.tsx";

export const sheetFormats = { neutral: "Settings sheet", haproxy: "HAProxy", nginx: "nginx", f5: "F5 BIG-IP", json: "JSON for import" } as const;
export type SheetFormat = keyof typeof sheetFormats;
type Sheet = { fileName: string; text: string; notes: string[]; triedWith: string[] };

export function SheetSection({ title, hint, id, format, onFormat, query }: { title: string; hint: string; id: string; format: SheetFormat | null; onFormat: (format: SheetFormat | null) => void; query: { data: Sheet | undefined; error: unknown; refetch: () => unknown } }) {
  return (
    <Section title={title} hint={hint}>
      <div role="group" aria-label={`Format: ${title}`} className="flex flex-wrap gap-2">
        {(Object.keys(sheetFormats) as SheetFormat[]).map((name) => (
          <Button key={name} size="small" look={format === name ? "primary" : "secondary"} aria-pressed={format === name} aria-controls={`${id}-sheet`} onClick={() => onFormat(format === name ? null : name)}>
            {sheetFormats[name]}
          </Button>
        ))}
      </div>
      <div id={`${id}-sheet`} className="mt-3 empty:mt-0">
        {format !== null && (query.data ? <SheetText sheet={query.data} what={sheetFormats[format]} /> : query.error ? <LoadError error={query.error} onRetry={() => void query.refetch()} /> : <Skeleton lines={5} />)}
      </div>
    </Section>
  );
}

function SheetText({ sheet, what }: { sheet: Sheet; what: string }) {
  const [url, setUrl] = useState<string>();
  const download = () => {
    if (url) URL.revokeObjectURL(url);
    const next = URL.createObjectURL(new Blob([sheet.text], { type: "text/plain;charset=utf-8" }));
    setUrl(next);
    const link = document.createElement("a");
    link.href = next;
    link.download = sheet.fileName;
    link.click();
  };
  return (
    <div className="flex flex-col gap-3">
      <pre tabIndex={0} aria-label={what} className="max-h-96 overflow-auto rounded-md border border-line bg-sunken p-3 font-mono text-[12.5px] leading-5">{sheet.text}</pre>
      <div className="flex flex-wrap items-center gap-2">
        <CopyButton text={sheet.text} what={what} label="Copy" />
        <Button size="small" look="quiet" icon={DownloadSimple} onClick={download}>
          Download {sheet.fileName}
        </Button>
        <span className="text-[13px] text-ink-3">{sheet.triedWith.length > 0 ? `Tried with ${sheet.triedWith.join(", ")}.` : "Written from the product's documentation; not tried by us."}</span>
      </div>
      {sheet.notes.length > 0 && (
        <div className="text-[13px] text-ink-2">
          <p className="font-medium text-ink">What differs there</p>
          <ul className="list-disc pl-5">{sheet.notes.map((line) => <li key={line}>{line}</li>)}</ul>
        </div>
      )}
    </div>
  );
}

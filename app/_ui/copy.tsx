"use client";
/** Values that people carry elsewhere: fingerprints in groups of four, tokens, commands, PEM texts, each with a copy button. */
import { Check, Copy } from "@phosphor-icons/react";
import { useEffect, useState } from "react";
import { groupHex } from "@/contract/fingerprint.ts";
import { Button } from "./button.tsx";
import { cx } from "./cx.ts";

/** `what` completes "Copy …" for screen readers. */
export function CopyButton({ text, what, label }: { text: string; what: string; label?: string }) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer);
  }, [isCopied]);
  return (
    <>
      <Button look="quiet" size="small" icon={isCopied ? Check : Copy} aria-label={label ? undefined : `Copy ${what}`} onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}>
        {label}
      </Button>
      <span role="status" className="sr-only">
        {isCopied ? `Copied ${what}` : ""}
      </span>
    </>
  );
}

/** A fingerprint in groups of four. With `compareTo`, the groups that differ are marked. */
export function Fingerprint({ hex, name, compareTo }: { hex: string; name: string; compareTo?: string | null }) {
  const groups = groupHex(hex).split(" ");
  const other = compareTo ? groupHex(compareTo).split(" ") : undefined;
  return (
    <span className="flex items-start gap-1">
      <span className="flex flex-wrap gap-x-[0.6ch] font-mono text-[12.5px] leading-6">
        {groups.map((group, index) => (
          <span key={`${index}-${group}`} className={cx(other && other[index] !== group && "rounded-sm bg-fault-tint text-fault underline")}>
            {group}
          </span>
        ))}
      </span>
      <CopyButton text={hex} what={name} />
    </span>
  );
}

/** First and last groups of a fingerprint, for tables; the whole one on hover. */
export function ShortFingerprint({ hex }: { hex: string }) {
  return (
    <code className="font-mono text-[12px] whitespace-nowrap" title={groupHex(hex)}>
      {hex.slice(0, 4)} {hex.slice(4, 8)} … {hex.slice(-4)}
    </code>
  );
}

/** A longer text to copy, wrapped, never wider than the page. */
export function CopyBlock({ text, what, isSecret = false, maxHeight = false }: { text: string; what: string; isSecret?: boolean; maxHeight?: boolean }) {
  return (
    <div className={cx("flex items-start gap-2 rounded-md border p-3", isSecret ? "border-warn bg-warn-tint" : "border-line bg-sunken")}>
      <pre tabIndex={maxHeight ? 0 : undefined} aria-label={maxHeight ? what : undefined} className={cx("min-w-0 flex-1 font-mono text-[12.5px] leading-5 break-all whitespace-pre-wrap", maxHeight && "max-h-56 overflow-y-auto")}>{text}</pre>
      <CopyButton text={text} what={what} />
    </div>
  );
}

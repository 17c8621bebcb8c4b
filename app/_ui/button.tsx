"use client";
/** Buttons and links that look like buttons. A label is a verb with its object. */
import type { Icon } from "@phosphor-icons/react";
import Link from "next/link";
import type { ButtonHTMLAttributes, ReactNode, Ref } from "react";
import { cx } from "./cx.ts";

export type ButtonLook = "primary" | "secondary" | "quiet" | "danger" | "danger-quiet";

const looks = {
  primary: "bg-accent text-on-accent hover:bg-accent-strong border border-transparent",
  secondary: "bg-surface text-ink border border-line-strong hover:bg-sunken",
  quiet: "bg-transparent text-ink-2 border border-transparent hover:bg-sunken hover:text-ink",
  danger: "bg-fault text-surface border border-transparent hover:opacity-90",
  "danger-quiet": "bg-surface text-fault border border-line-strong hover:bg-fault-tint",
} as const satisfies Record<ButtonLook, string>;

const sizes = { small: "h-7 text-[13px] gap-1", normal: "h-9 text-[14px] gap-1.5" } as const;
const widths = { small: { text: "px-2", icon: "w-7" }, normal: { text: "px-3", icon: "w-9" } } as const;

function classes(look: ButtonLook, size: keyof typeof sizes, iconOnly: boolean, extra?: string): string {
  return cx("inline-flex items-center justify-center rounded-md font-medium whitespace-nowrap transition-colors duration-150 disabled:opacity-55 disabled:cursor-not-allowed", looks[look], sizes[size], widths[size][iconOnly ? "icon" : "text"], extra);
}

/** An icon that stands alone is a little larger than one beside words. */
function iconSize(size: keyof typeof sizes, children: ReactNode): number {
  return (size === "small" ? 14 : 16) + (children === undefined ? 2 : 0);
}

type Common = { look?: ButtonLook; size?: keyof typeof sizes; icon?: Icon; children?: ReactNode };

export function Button({ look = "secondary", size = "normal", icon: IconGlyph, isBusy = false, children, className, type = "button", disabled, ref, ...rest }: Common & ButtonHTMLAttributes<HTMLButtonElement> & { isBusy?: boolean; ref?: Ref<HTMLButtonElement> | undefined }) {
  return (
    <button ref={ref} type={type} className={classes(look, size, children === undefined, className)} disabled={disabled === true || isBusy} aria-busy={isBusy} {...rest}>
      {isBusy ? <span aria-hidden="true" className="size-3.5 animate-spin rounded-full border-2 border-current border-r-transparent" /> : IconGlyph && <IconGlyph aria-hidden="true" size={iconSize(size, children)} />}
      {children}
    </button>
  );
}

export function LinkButton({ href, look = "secondary", size = "normal", icon: IconGlyph, children, isExternal = false }: Common & { href: string; isExternal?: boolean }) {
  const content = (
    <>
      {IconGlyph && <IconGlyph aria-hidden="true" size={iconSize(size, children)} />}
      {children}
    </>
  );
  const className = classes(look, size, children === undefined);
  return isExternal ? (
    <a href={href} className={className} target="_blank" rel="noreferrer">
      {content}
    </a>
  ) : (
    <Link href={href} className={className}>
      {content}
    </Link>
  );
}

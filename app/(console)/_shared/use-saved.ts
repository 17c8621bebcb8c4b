"use client";
/** After a form was saved: say so, then go where the object is. */
import { useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { confirm } from "@/app/_ui/toast.ts";

/** `?from=guide` in the address leads back to the first-run guide. */
export function useSaved(): (sentence: string, href: string) => void {
  const router = useRouter();
  const client = useQueryClient();
  return (sentence, href) => {
    confirm(sentence);
    void client.invalidateQueries();
    router.push(new URLSearchParams(window.location.search).get("from") === "guide" ? "/guide" : href);
  };
}

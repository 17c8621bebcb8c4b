/** Short confirmations that something was done. Errors stay on the page where they happened and are not toasts. */
import { createKumoToastManager } from "@cloudflare/kumo/components/toast";

export const toasts = createKumoToastManager();

/** Says in one sentence what was done. */
export function confirm(sentence: string): void {
  toasts.add({ title: sentence, variant: "success", timeout: 5000 });
}

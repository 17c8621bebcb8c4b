"use client";
/** A page that failed while it was drawn. */
import { Button } from "./_ui/button.tsx";
import { Notice } from "./_ui/notice.tsx";

export default function PageError({ error, reset }: { error: Error & { digest?: string }; reset: () => void }) {
  return (
    <main className="mx-auto max-w-2xl px-4 py-16">
      <Notice tone="fault" isAlert title="This page failed on our side." action={<Button size="small" onClick={reset}>Try again</Button>}>
        Gateways and tunnels are not affected. {error.digest && <>The console's log has the details under {error.digest}.</>}
      </Notice>
    </main>
  );
}

"use client";
/** A gateway's installation package: one download, or a token for those who enrol by hand. */
import { DownloadSimple } from "@phosphor-icons/react";
import { useMutation } from "@tanstack/react-query";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { CopyBlock } from "@/app/_ui/copy.tsx";
import { Dialog } from "@/app/_ui/dialog.tsx";
import { ActionError, Notice } from "@/app/_ui/notice.tsx";
import { Time } from "@/app/_ui/time.tsx";
import type { Gateway } from "./gateway-detail-page.tsx";

export function PackageDialog({ gateway, onClose }: { gateway: Gateway; onClose: () => void }) {
  const make = useMutation(useTRPC().gateway.package.mutationOptions());
  const made = make.data;
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`Install ${gateway.name}`}
      actions={
        made ? (
          <Button onClick={onClose}>Close</Button>
        ) : (
          <>
            <Button onClick={onClose}>Cancel</Button>
            <Button look="primary" isBusy={make.isPending} onClick={() => make.mutate({ id: gateway.id })}>
              Make package
            </Button>
          </>
        )
      }
    >
      {made ? (
        <>
          <a href={made.url} download={made.fileName} className="inline-flex h-9 items-center gap-2 self-start rounded-md bg-accent px-3 font-medium text-on-accent hover:bg-accent-strong">
            <DownloadSimple aria-hidden="true" size={16} />
            Download {made.fileName}
          </a>
          <p className="text-[13px] text-ink-2">
            The link works once, <Time at={made.expiresAt} /> at the latest. On the machine in the DMZ:
          </p>
          <CopyBlock text={`tar -xzf ${made.fileName}\ncd sallyport-gateway\nsudo ./install.sh`} what="install commands" />
          <details>
            <summary className="text-[13px] font-medium">Enrol by hand with a token instead</summary>
            <div className="mt-2 flex flex-col gap-2">
              <Notice tone="warn" title="The token is shown once.">
                It makes one gateway; keep it like a password.
              </Notice>
              <CopyBlock text={made.token} what="enrolment token" isSecret />
            </div>
          </details>
        </>
      ) : (
        <>
          <p>The package holds the gateway with its runtime, its configuration, a one-time token, a systemd unit, and scripts to install and uninstall it. Nothing else is downloaded on the machine.</p>
          <p className="text-[13px] text-ink-2">One firewall rule is enough: from the gateway to this console&apos;s control port. The console never dials the gateway.</p>
          {gateway.state !== "waiting" && <Notice tone="warn" title="This gateway is enrolled already.">Enrolling again with the new token replaces its present identity.</Notice>}
          <ActionError error={make.error} />
        </>
      )}
    </Dialog>
  );
}

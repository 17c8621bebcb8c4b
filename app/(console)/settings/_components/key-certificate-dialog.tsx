"use client";
/** A client certificate for an API key: an orchestrator proves with it, in the TLS handshake, that it is this key. */
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { readProblem } from "@/app/_trpc/problem.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { CopyBlock, Fingerprint } from "@/app/_ui/copy.tsx";
import { Dialog } from "@/app/_ui/dialog.tsx";
import { TextAreaField } from "@/app/_ui/fields.tsx";
import { ActionError } from "@/app/_ui/notice.tsx";
import { Facts } from "@/app/_ui/page.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { saveText } from "../../_shared/save-text.ts";

const command = "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=orchestrator -keyout client.key -out client.csr";

export function KeyCertificateDialog({ apiKey, onClose }: { apiKey: { id: string; name: string }; onClose: () => void }) {
  const [csrPem, setCsr] = useState("");
  const issue = useMutation(useTRPC().apiKey.issueCertificate.mutationOptions());
  const atCsr = issue.error ? readProblem(issue.error).fields.find((field) => field.path === "csrPem")?.message : undefined;
  const issued = issue.data;
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={issued ? "Certificate issued" : `Issue a certificate for ${apiKey.name}`}
      actions={
        issued ? (
          <>
            <Button onClick={() => saveText("client.pem", issued.chainPem)}>Download client.pem</Button>
            <Button look="primary" onClick={onClose}>
              Close
            </Button>
          </>
        ) : (
          <>
            <Button onClick={onClose}>Cancel</Button>
            <Button look="primary" isBusy={issue.isPending} onClick={() => issue.mutate({ id: apiKey.id, csrPem })}>
              Issue certificate
            </Button>
          </>
        )
      }
    >
      {issued ? (
        <>
          <Facts
            items={[
              { label: "Fingerprint", value: <Fingerprint hex={issued.fingerprint} name="fingerprint" /> },
              { label: "Valid until", value: <Time at={issued.notAfter} /> },
            ]}
          />
          <CopyBlock text={issued.chainPem} what="certificate chain" maxHeight />
          <p className="text-[13px] text-ink-2">Clients of a gateway&apos;s inside listener present it with the key in client.key. Revoking the API key ends it as well.</p>
        </>
      ) : (
        <>
          <p className="text-[13px] text-ink-2">The key never leaves the machine that makes it. There:</p>
          <CopyBlock text={command} what="command that makes a key and a request" />
          <TextAreaField label="Certificate request (CSR)" isMono rows={7} placeholder="-----BEGIN CERTIFICATE REQUEST-----" value={csrPem} onChange={(event) => setCsr(event.target.value)} error={atCsr} />
          {!atCsr && <ActionError error={issue.error} />}
        </>
      )}
    </Dialog>
  );
}

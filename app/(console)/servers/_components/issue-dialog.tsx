"use client";
/** A server's certificate from the organisation's CA: for a CSR, or with a key made by the console and shown once. */
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { CopyBlock, Fingerprint } from "@/app/_ui/copy.tsx";
import { Dialog } from "@/app/_ui/dialog.tsx";
import { RadioField, SelectField, TextAreaField } from "@/app/_ui/fields.tsx";
import { ActionError, Notice } from "@/app/_ui/notice.tsx";

export function IssueDialog({ serverId, onClose }: { serverId: string; onClose: () => void }) {
  const [way, setWay] = useState<"csr" | "key">("csr");
  const [csrPem, setCsr] = useState("");
  const [keyType, setKeyType] = useState<"ec-p256" | "rsa-2048">("ec-p256");
  const issue = useMutation(useTRPC().server.issueCertificate.mutationOptions());
  const run = () => issue.mutate(way === "csr" ? { serverId, csrPem: csrPem.trim() } : { serverId, keyType });
  const issued = issue.data;
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={issued ? "Certificate issued" : "Issue certificate"}
      actions={
        issued ? (
          <Button look="primary" onClick={onClose}>
            Close
          </Button>
        ) : (
          <>
            <Button onClick={onClose}>Cancel</Button>
            <Button look="primary" isBusy={issue.isPending} disabled={way === "csr" && csrPem.trim() === ""} onClick={run}>
              Issue certificate
            </Button>
          </>
        )
      }
    >
      {issued ? (
        <>
          <Fingerprint hex={issued.fingerprint} name="SHA-256 fingerprint" />
          <p className="text-[13px] font-medium">Certificate chain, leaf first</p>
          <CopyBlock text={issued.chainPem} what="certificate chain" maxHeight />
          {issued.keyPem && (
            <>
              <Notice tone="warn" title="The private key is shown once and not kept.">
                Copy it to the server now, readable by its service alone.
              </Notice>
              <CopyBlock text={issued.keyPem} what="private key" isSecret maxHeight />
            </>
          )}
        </>
      ) : (
        <>
          <RadioField legend="Where is the key made?" name="way" value={way} onChange={setWay} options={[
            { value: "csr", label: "On the server, with a CSR", hint: "The key never leaves the server." },
            { value: "key", label: "Here, shown once", hint: "For servers that cannot make a CSR." },
          ]} />
          {way === "csr" ? (
            <TextAreaField label="Certificate request (PEM)" isMono rows={6} placeholder="-----BEGIN CERTIFICATE REQUEST-----" value={csrPem} onChange={(event) => setCsr(event.target.value)} hint="Only its key is taken; names come from the server's settings." />
          ) : (
            <SelectField label="Key" value={keyType} onChange={(event) => setKeyType(event.target.value === "rsa-2048" ? "rsa-2048" : "ec-p256")}>
              <option value="ec-p256">ECDSA P-256</option>
              <option value="rsa-2048">RSA 2048, for old software</option>
            </SelectField>
          )}
          <ActionError error={issue.error} />
        </>
      )}
    </Dialog>
  );
}

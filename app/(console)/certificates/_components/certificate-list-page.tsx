"use client";
/** List of certificates. */
import { Plus, UploadSimple } from "@phosphor-icons/react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { certificatePurpose } from "@/contract/objects.ts";
import { docs, routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { LinkButton } from "@/app/_ui/button.tsx";
import { ShortFingerprint } from "@/app/_ui/copy.tsx";
import { ListPage } from "@/app/_ui/list-page.tsx";
import { Tag } from "@/app/_ui/state.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { useListState } from "@/app/_ui/use-list-state.ts";
import { CertificateStateLabel } from "../../_shared/states.tsx";
import { useMay } from "../../_shell/use-person.ts";
import { purposeTitle } from "./purpose-title.ts";

export function CertificateListPage() {
  const list = useListState({ sorts: ["subject", "purpose", "notAfter", "createdAt"], standard: "createdAt", standardDesc: true, choices: { purpose: certificatePurpose.options, state: ["valid", "expiring", "expired", "revoked"] } });
  const query = useQuery(useTRPC().certificate.list.queryOptions(list.input, { placeholderData: keepPreviousData }));
  const importLink = useMay("administer") && (
    <>
      <LinkButton href={routes.certificates.issue} icon={Plus}>
        Issue for services
      </LinkButton>
      <LinkButton href={routes.certificates.import} look="primary" icon={UploadSimple}>
        Import certificate
      </LinkButton>
    </>
  );
  return (
    <ListPage
      title="Certificates"
      purpose="Everything this organisation issued or imported, and until when it holds."
      noun={["certificate", "certificates"]}
      action={importLink}
      list={list}
      query={query}
      rowId={(certificate) => certificate.id}
      rowName={(certificate) => certificate.subject}
      rowHref={(certificate) => routes.certificates.detail(certificate.id)}
      filters={[
        { name: "state", label: "State", options: [{ value: "valid", label: "Valid" }, { value: "expiring", label: "Expires soon" }, { value: "expired", label: "Expired" }, { value: "revoked", label: "Revoked" }] },
        { name: "purpose", label: "Purpose", options: certificatePurpose.options.map((purpose) => ({ value: purpose, label: purposeTitle[purpose] })) },
      ]}
      columns={[
        { key: "subject", title: "Subject", sort: "subject", cell: (certificate) => <span className="block truncate" title={certificate.subject}>{certificate.subject}</span> },
        { key: "state", title: "State", cell: (certificate) => <CertificateStateLabel state={certificate.state} /> },
        { key: "until", title: "Valid until", sort: "notAfter", cell: (certificate) => <Time at={certificate.notAfter} /> },
        { key: "purpose", title: "Purpose", sort: "purpose", cell: (certificate) => <Tag>{purposeTitle[certificate.purpose]}</Tag> },
        { key: "owner", title: "Belongs to", cell: (certificate) => certificate.owner?.name ?? <span className="text-ink-3">nobody</span> },
        { key: "key", title: "Key", isWideOnly: true, cell: (certificate) => certificate.keyType },
        { key: "fingerprint", title: "Fingerprint", cell: (certificate) => <ShortFingerprint hex={certificate.fingerprint} /> },
      ]}
      empty={{ title: "No certificates", why: "Certificates appear here as gateways and agents enrol. A third party's certificate for a gateway can be imported.", action: importLink, docs: docs.certificates }}
    />
  );
}

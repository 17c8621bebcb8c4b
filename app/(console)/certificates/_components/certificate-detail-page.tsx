"use client";
/** One certificate: validity, fingerprints, who uses it, its PEM. */
import { Trash } from "@phosphor-icons/react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { CopyBlock, Fingerprint } from "@/app/_ui/copy.tsx";
import { Columns, Facts, PageHeader, Section, useTitle } from "@/app/_ui/page.tsx";
import { StateSentence, type Tone } from "@/app/_ui/state.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { DangerAction } from "../../_shared/danger-action.tsx";
import { History } from "../../_shared/history.tsx";
import { Loaded } from "../../_shared/loaded.tsx";
import { useMay } from "../../_shell/use-person.ts";
import { purposeTitle } from "./purpose-title.ts";

type Certificate = Outputs["certificate"]["get"];

export function CertificateDetailPage({ id }: { id: string }) {
  const certificate = useQuery(useTRPC().certificate.get.queryOptions({ id }));
  useTitle(certificate.data?.subject);
  return <Loaded query={certificate}>{(data) => <CertificateDetail certificate={data} />}</Loaded>;
}

const tones = { valid: "ok", expiring: "warn", expired: "fault", revoked: "fault" } as const satisfies Record<Certificate["state"], Tone>;
const words = { valid: "Valid", expiring: "Expires soon", expired: "Expired", revoked: "Revoked" } as const;
const ownerRoutes = { agent: routes.agents.detail, gateway: routes.gateways.detail, server: routes.servers.detail, bundle: routes.bundles.detail, organisation: () => routes.settings.organisation } as const;

function CertificateDetail({ certificate }: { certificate: Certificate }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const router = useRouter();
  const mayChange = useMay("administer");
  const remove = useMutation(trpc.certificate.remove.mutationOptions());
  const { owner } = certificate;
  return (
    <>
      <PageHeader
        crumb={{ label: "Certificates", href: routes.certificates.list }}
        title={certificate.subject}
        actions={mayChange && (certificate.purpose === "imported" || certificate.purpose === "service") && <DangerAction label="Delete certificate" icon={Trash} title="Delete this certificate?" name={certificate.subject} done="Certificate deleted." load={() => client.fetchQuery(trpc.certificate.impact.queryOptions({ id: certificate.id }, { staleTime: 0 }))} run={(confirmName) => remove.mutateAsync({ id: certificate.id, confirmName })} onDone={() => router.push(routes.certificates.list)} />}
      />
      <StateSentence tone={tones[certificate.state]}>
        {words[certificate.state]}: holds from <Time at={certificate.notBefore} /> until <Time at={certificate.notAfter} />.
      </StateSentence>
      <Columns
        main={
          <>
            <Section title="Fingerprints">
              <Facts
                items={[
                  { label: "SHA-256 fingerprint", value: <Fingerprint hex={certificate.fingerprint} name="SHA-256 fingerprint" /> },
                  { label: "SHA-1 thumbprint", value: <Fingerprint hex={certificate.thumbprintSha1} name="SHA-1 thumbprint" /> },
                  { label: "Serial", value: <code className="font-mono text-[12.5px] break-all">{certificate.serial}</code> },
                ]}
              />
            </Section>
            <Section title="Contents">
              <Facts
                items={[
                  { label: "Purpose", value: purposeTitle[certificate.purpose] },
                  { label: "Subject", value: certificate.subject },
                  { label: "Issuer", value: certificate.issuer },
                  { label: "Names", value: certificate.names.length === 0 ? "none" : <ul className="font-mono text-[12.5px] break-all">{certificate.names.map((name) => <li key={name}>{name}</li>)}</ul> },
                  { label: "Key", value: `${certificate.keyType}, ${certificate.hasKey ? "private key sealed here" : "private key kept elsewhere"}` },
                ]}
              />
            </Section>
            <Section title="PEM">
              <CopyBlock text={certificate.chainPem === "" ? certificate.pem : certificate.chainPem} what="certificate chain" maxHeight />
            </Section>
            <History targetId={certificate.id} />
          </>
        }
        side={
          <Section title="Used by">
            {owner && (
              <p className="text-[13px]">
                <Link className="font-medium text-accent hover:underline" href={ownerRoutes[owner.kind](owner.id)}>
                  {owner.name}
                </Link>{" "}
                <span className="text-ink-3">{owner.kind}</span>
              </p>
            )}
            <ul className="text-[13px]">
              {certificate.usedBy.map((line) => (
                <li key={line}>{line}</li>
              ))}
            </ul>
            {!owner && certificate.usedBy.length === 0 && <p className="text-[13px] text-ink-3">Nothing uses it.</p>}
          </Section>
        }
      />
    </>
  );
}

"use client";
/** One offline bundle: download, what is burnt in, who came with it. */
import { DownloadSimple, Prohibit, Trash } from "@phosphor-icons/react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { routes } from "@/app/_nav/routes.ts";
import { type Outputs, useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { CopyBlock, Fingerprint } from "@/app/_ui/copy.tsx";
import { ActionError, Notice } from "@/app/_ui/notice.tsx";
import { Columns, Facts, LinkList, PageHeader, Section, useTitle } from "@/app/_ui/page.tsx";
import { StateSentence, type Tone } from "@/app/_ui/state.tsx";
import { Time } from "@/app/_ui/time.tsx";
import { confirm } from "@/app/_ui/toast.ts";
import { DangerAction } from "../../_shared/danger-action.tsx";
import { History } from "../../_shared/history.tsx";
import { Loaded } from "../../_shared/loaded.tsx";
import { useMay } from "../../_shell/use-person.ts";

type Bundle = Outputs["bundle"]["get"];

export function BundleDetailPage({ id }: { id: string }) {
  const bundle = useQuery(useTRPC().bundle.get.queryOptions({ id }));
  useTitle(bundle.data?.name);
  return <Loaded query={bundle}>{(data) => <BundleDetail bundle={data} />}</Loaded>;
}

const tones = { active: "ok", "used-up": "idle", expired: "warn", revoked: "fault" } as const satisfies Record<Bundle["state"], Tone>;

function BundleDetail({ bundle }: { bundle: Bundle }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const router = useRouter();
  const mayOperate = useMay("operate");
  const revoke = useMutation(trpc.bundle.revoke.mutationOptions({ onSettled: () => client.invalidateQueries(trpc.bundle.pathFilter()) }));
  const remove = useMutation(trpc.bundle.remove.mutationOptions());
  const load = () => client.fetchQuery(trpc.bundle.impact.queryOptions({ id: bundle.id }, { staleTime: 0 }));
  const text = {
    active: `Active: ${bundle.uses} of ${bundle.usesMax} ${bundle.usesMax === 1 ? "agent has" : "agents have"} enrolled with it.`,
    "used-up": `Used up: all ${bundle.usesMax} ${bundle.usesMax === 1 ? "agent has" : "agents have"} enrolled.`,
    expired: "Expired: nobody can enrol with it any more. Agents that did stay.",
    revoked: "Revoked: nobody can enrol with it any more. Agents that did stay.",
  }[bundle.state];
  return (
    <>
      <PageHeader
        crumb={{ label: "Bundles", href: routes.bundles.list }}
        title={bundle.name}
        actions={mayOperate && (
          <>
            {bundle.state === "active" && <DangerAction label="Revoke bundle" icon={Prohibit} title={`Revoke bundle ${bundle.name}?`} name={bundle.name} done={`Bundle ${bundle.name} revoked.`} load={load} run={() => revoke.mutateAsync({ id: bundle.id })} />}
            <DangerAction label="Delete bundle" icon={Trash} title={`Delete bundle ${bundle.name}?`} name={bundle.name} done={`Bundle ${bundle.name} deleted.`} load={load} run={(confirmName) => remove.mutateAsync({ id: bundle.id, confirmName })} onDone={() => router.push(routes.bundles.list)} />
          </>
        )}
      />
      <div className="flex flex-col gap-3">
        <StateSentence tone={tones[bundle.state]}>
          {text}
          <span className="block text-[13px] font-normal text-ink-2">
            Expires <Time at={bundle.expiresAt} />.
          </span>
        </StateSentence>
        {bundle.warnings.map((warning) => (
          <Notice key={warning} tone="warn" title={warning} />
        ))}
      </div>
      <Columns
        main={
          <>
            {bundle.state === "active" && mayOperate && <Download bundle={bundle} />}
            <Section title="Burnt in" hint="What an agent of this bundle will dial. Later changes of the policy reach it once it has enrolled.">
              <Facts
                items={[
                  { label: "Management server", value: <code className="font-mono text-[12.5px]">{bundle.stamp.managementServer}</code> },
                  { label: "Gateways, in order", value: bundle.stamp.gateways.length === 0 ? "none: it can enrol on the LAN only" : <ol className="font-mono text-[12.5px]">{bundle.stamp.gateways.map((gateway) => <li key={gateway}>{gateway}</li>)}</ol> },
                  { label: "CA fingerprint", value: <Fingerprint hex={bundle.caFingerprint} name="CA fingerprint" /> },
                  { label: "Platform", value: bundle.platform },
                  { label: "Created", value: <><Time at={bundle.createdAt} /> by {bundle.createdBy}</> },
                ]}
              />
            </Section>
            <History targetId={bundle.id} />
          </>
        }
        side={
          <>
            <Section title="Groups its agents join">
              <LinkList items={bundle.groups.map((group) => ({ ...group, href: routes.groups.detail(group.id) }))} none="None." />
            </Section>
            <Section title="Agents that came with it">
              <LinkList items={bundle.agents.map((agent) => ({ ...agent, href: routes.agents.detail(agent.id) }))} none="None yet." />
            </Section>
          </>
        }
      />
    </>
  );
}

function Download({ bundle }: { bundle: Bundle }) {
  const download = useMutation(
    useTRPC().bundle.download.mutationOptions({
      onSuccess: ({ url, fileName }) => {
        confirm(`Downloading ${fileName}.`);
        window.location.assign(url);
      },
    }),
  );
  const file = download.data?.fileName ?? "sallyport-agent.tar.gz";
  return (
    <Section title="Download and install" hint="Each download carries a token of its own. Hand the file over as you would a key.">
      <div className="flex flex-col gap-3">
        <div>
          <Button look="primary" icon={DownloadSimple} isBusy={download.isPending} onClick={() => download.mutate({ id: bundle.id })}>
            Download bundle
          </Button>
        </div>
        <ActionError error={download.error} />
        <p className="text-[13px]">On the endpoint:</p>
        <CopyBlock text={`tar -xzf ${file}\ncd sallyport-agent\nsudo ./install.sh`} what="install commands" />
        <p className="text-[13px] text-ink-2">Or without installing, even from a read-only directory: run ./sallyport-agent run there.</p>
      </div>
    </Section>
  );
}

"use client";
/** The relay's settings file: to download as often as needed, because it holds no key, with the commands that start a relay with it. */
import { DownloadSimple } from "@phosphor-icons/react";
import { useQuery } from "@tanstack/react-query";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { CopyBlock, CopyButton } from "@/app/_ui/copy.tsx";
import { LoadError, Skeleton } from "@/app/_ui/notice.tsx";
import { Section } from "@/app/_ui/page.tsx";
import { saveText } from "../../_shared/save-text.ts";
import type { Relay } from "./relay-detail-page.tsx";

export function SettingsFile({ relay }: { relay: Relay }) {
  return (
    <Section title="Settings file" hint="The same on every node. It holds no key; the relay makes its own at its first start.">
      <SettingsFileText relay={relay} isFolded />
    </Section>
  );
}

/** `isFolded`: the commands are there for whoever looks for them. */
export function SettingsFileText({ relay, isFolded = false }: { relay: Relay; isFolded?: boolean }) {
  const made = useQuery(useTRPC().relay.package.queryOptions({ id: relay.id }));
  if (!made.data) return made.error ? <LoadError error={made.error} onRetry={() => void made.refetch()} /> : <Skeleton lines={3} />;
  const { fileName, settings, commands } = made.data;
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-2">
        <Button icon={DownloadSimple} onClick={() => saveText(fileName, settings)}>
          Download {fileName}
        </Button>
        <CopyButton text={settings} what="settings file" label="Copy" />
      </div>
      {isFolded ? (
        <details>
          <summary className="text-[13px] font-medium">Show the commands for a further node</summary>
          <div className="mt-2">
            <Commands commands={commands} />
          </div>
        </details>
      ) : (
        <Commands commands={commands} />
      )}
      <details>
        <summary className="text-[13px] font-medium">Show the settings file</summary>
        <pre tabIndex={0} aria-label="Settings file" className="mt-2 max-h-72 overflow-auto rounded-md border border-line bg-sunken p-3 font-mono text-[12.5px] leading-5">{settings}</pre>
      </details>
    </div>
  );
}

function Commands({ commands }: { commands: { label: string; command: string }[] }) {
  return (
    <div className="flex flex-col gap-3">
      {commands.map((entry) => (
        <div key={entry.label} className="flex flex-col gap-1">
          <p className="text-[13px]">{entry.label}</p>
          <CopyBlock text={entry.command} what={entry.label} />
        </div>
      ))}
    </div>
  );
}

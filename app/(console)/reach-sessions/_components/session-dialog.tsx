"use client";
/** One session with all that is known of it. */
import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { Button } from "@/app/_ui/button.tsx";
import { CopyButton } from "@/app/_ui/copy.tsx";
import { Dialog } from "@/app/_ui/dialog.tsx";
import { Facts } from "@/app/_ui/page.tsx";
import { bytes } from "@/app/_ui/spark-line.tsx";
import { duration, ExactTime, Time, useNow } from "@/app/_ui/time.tsx";
import { EndSession } from "../../_shared/end-session.tsx";
import { serviceText, SessionStateLabel } from "../../_shared/reach-words.tsx";
import type { SessionRow } from "./reach-session-list-page.tsx";

export function SessionDialog({ session: row, onClose }: { session: SessionRow; onClose: () => void }) {
  const fresh = useQuery(useTRPC().reachSession.get.queryOptions({ id: row.id }, { refetchInterval: 5_000 }));
  const session = fresh.data ?? row;
  const now = useNow(1000);
  const isLive = session.state === "open" || session.state === "granted";
  const lasted = session.openedAt === null ? null : duration((session.endedAt === null ? now : Date.parse(session.endedAt)) - Date.parse(session.openedAt));
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`${session.actor.name} to ${session.agent.name}`}
      actions={
        <>
          {isLive && <EndSession session={session} />}
          <Button look="primary" onClick={onClose}>
            Close
          </Button>
        </>
      }
    >
      <p>
        <SessionStateLabel state={session.state} />
      </p>
      <Facts
        items={[
          { label: "Service", value: serviceText(session.service) },
          { label: "Agent", value: <Link className="text-accent hover:underline" href={routes.agents.detail(session.agent.id)}>{session.agent.name}</Link> },
          { label: "Who", value: `${session.actor.name}${session.actor.kind === "api-key" ? ", an API key" : ""}` },
          { label: "From", value: <code className="font-mono text-[12px]">{session.source}</code> },
          { label: "Allowed by", value: session.rule ? <Link className="text-accent hover:underline" href={routes.reachRules.detail(session.rule.id)}>{session.rule.name}</Link> : "a rule that was deleted" },
          { label: "Asked at", value: session.gateway?.name ?? "no gateway yet" },
          { label: "Agent's channel at", value: session.channelGateway?.name ?? session.gateway?.name ?? "not known" },
          { label: "Granted", value: <ExactTime at={session.createdAt} /> },
          { label: "Opened", value: session.openedAt ? <ExactTime at={session.openedAt} /> : "never" },
          { label: isLive ? "Ends by itself" : "Ended", value: isLive ? <Time at={session.until} /> : session.endedAt ? <ExactTime at={session.endedAt} /> : "not known" },
          ...(lasted === null ? [] : [{ label: isLive ? "Lasts for" : "Lasted", value: lasted }]),
          ...(isLive ? [] : [{ label: "Why it ended", value: session.endReason ?? "not said" }]),
          { label: "Up, down", value: `${bytes(session.bytesUp)}, ${bytes(session.bytesDown)}` },
          { label: "Session id", value: <span className="flex items-start gap-1"><code className="font-mono text-[12px] break-all">{session.id}</code><CopyButton text={session.id} what="session id" /></span> },
        ]}
      />
    </Dialog>
  );
}

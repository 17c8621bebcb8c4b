"use client";
/** What a task wrote, as it writes it, and the facts of a diagnosis. */
import { DownloadSimple } from "@phosphor-icons/react";
import { useEffect, useRef } from "react";
import { connectionStepTitle } from "@/contract/states.ts";
import { Button } from "@/app/_ui/button.tsx";
import { CopyButton } from "@/app/_ui/copy.tsx";
import { Section } from "@/app/_ui/page.tsx";
import { State } from "@/app/_ui/state.tsx";
import { Table } from "@/app/_ui/table.tsx";
import { isTaskOver } from "../../_shared/reach-words.tsx";
import { saveText } from "../../_shared/save-text.ts";
import type { Task } from "./task-detail-page.tsx";

export function TaskOutput({ task }: { task: Task }) {
  const box = useRef<HTMLPreElement>(null);
  const isAtEnd = useRef(true);
  // New output is followed as long as nobody has scrolled up to read.
  useEffect(() => {
    if (isAtEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [task.output]);
  const actions = task.output !== "" && (
    <>
      <CopyButton text={task.output} what="output" label="Copy" />
      <Button size="small" look="quiet" icon={DownloadSimple} onClick={() => saveText(`${task.kind}-${task.agent.name}.txt`, task.output)}>
        Download
      </Button>
    </>
  );
  return (
    <Section title="Output" actions={actions} hint={task.isOutputCut ? "It wrote more than its limit; the rest was left out." : undefined}>
      {task.output === "" ? (
        <p className="text-[13px] text-ink-3">{isTaskOver(task.state) ? "It wrote nothing." : "Nothing yet; it appears here as it is written."}</p>
      ) : (
        <pre
          ref={box}
          tabIndex={0}
          aria-label="Output"
          onScroll={(event) => {
            const { scrollHeight, scrollTop, clientHeight } = event.currentTarget;
            isAtEnd.current = scrollHeight - scrollTop - clientHeight < 24;
          }}
          className="max-h-[32rem] overflow-auto rounded-md border border-line bg-sunken p-3 font-mono text-[12.5px] leading-5 break-all whitespace-pre-wrap"
        >
          {task.output}
        </pre>
      )}
    </Section>
  );
}

export function TaskFindings({ task }: { task: Task }) {
  if (task.findings.length === 0) return null;
  return (
    <Section title="What was found" hint="Every path the agent has, and how far each one came." isFlush>
      <Table
        caption="What was found"
        rows={task.findings.map((finding, index) => ({ ...finding, index }))}
        rowId={(finding) => String(finding.index)}
        rowName={(finding) => finding.subject}
        columns={[
          { key: "subject", title: "Path", cell: (finding) => <span className="font-medium">{finding.subject}</span> },
          { key: "state", title: "State", cell: (finding) => (finding.isGood ? <State tone="ok">Works</State> : <State tone="fault">Does not</State>) },
          { key: "step", title: "Step reached", cell: (finding) => (finding.step === null ? "" : connectionStepTitle[finding.step]) },
          { key: "detail", title: "Detail", cell: (finding) => finding.detail },
        ]}
      />
    </Section>
  );
}

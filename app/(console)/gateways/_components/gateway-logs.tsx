"use client";
/** Log lines that a gateway forwarded. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { LogLines } from "../../_shared/log-lines.tsx";

export function GatewayLogs({ id, isForwarding }: { id: string; isForwarding: boolean }) {
  const [page, setPage] = useState(1);
  const logs = useQuery(useTRPC().gateway.logs.queryOptions({ id, page }, { placeholderData: keepPreviousData }));
  return (
    <LogLines
      title="Log"
      none={isForwarding ? "No warning or error was forwarded." : "Forwarding is switched off; the gateway keeps its log on its own machine."}
      query={{ ...logs, data: logs.data && { total: logs.data.total, lines: logs.data.rows.map((row) => ({ id: row.id, at: row.at, tone: row.level === "error" ? ("fault" as const) : row.level === "warn" ? ("warn" as const) : undefined, text: `${row.level} ${row.message} ${Object.keys(row.fields).length > 0 ? JSON.stringify(row.fields) : ""}` })) } }}
      page={page}
      onPage={setPage}
    />
  );
}

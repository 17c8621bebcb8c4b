import type { Metadata } from "next";
import { AgentListPage } from "./_components/agent-list-page.tsx";

export const metadata: Metadata = { title: "Agents" };

export default function Page() {
  return <AgentListPage />;
}

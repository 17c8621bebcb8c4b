import type { Metadata } from "next";
import { AgentSitePage } from "../_components/agent-site-page.tsx";

export const metadata: Metadata = { title: "Agent site" };

export default function Page() {
  return <AgentSitePage />;
}

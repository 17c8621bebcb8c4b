import type { Metadata } from "next";
import { AgentEnrolPage } from "../_components/agent-enrol-page.tsx";

export const metadata: Metadata = { title: "Create enrolment token" };

export default function Page() {
  return <AgentEnrolPage />;
}

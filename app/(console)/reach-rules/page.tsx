import type { Metadata } from "next";
import { ReachRuleListPage } from "./_components/reach-rule-list-page.tsx";

export const metadata: Metadata = { title: "Reach rules" };

export default function Page() {
  return <ReachRuleListPage />;
}

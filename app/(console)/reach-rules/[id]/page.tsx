import type { Metadata } from "next";
import { ReachRuleDetailPage } from "../_components/reach-rule-detail-page.tsx";

export const metadata: Metadata = { title: "Reach rule" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <ReachRuleDetailPage id={id} />;
}

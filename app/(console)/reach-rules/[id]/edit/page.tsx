import type { Metadata } from "next";
import { ReachRuleEditPage } from "../../_components/reach-rule-form.tsx";

export const metadata: Metadata = { title: "Change reach rule" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <ReachRuleEditPage id={id} />;
}

import type { Metadata } from "next";
import { ReachRuleCreatePage } from "../_components/reach-rule-form.tsx";

export const metadata: Metadata = { title: "Create reach rule" };

export default function Page() {
  return <ReachRuleCreatePage />;
}

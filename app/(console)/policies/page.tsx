import type { Metadata } from "next";
import { PolicyListPage } from "./_components/policy-list-page.tsx";

export const metadata: Metadata = { title: "Policies" };

export default function Page() {
  return <PolicyListPage />;
}

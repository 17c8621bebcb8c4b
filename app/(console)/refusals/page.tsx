import type { Metadata } from "next";
import { RefusalListPage } from "./_components/refusal-list-page.tsx";

export const metadata: Metadata = { title: "Refusals" };

export default function Page() {
  return <RefusalListPage />;
}

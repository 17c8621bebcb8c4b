import type { Metadata } from "next";
import { ReachSessionListPage } from "./_components/reach-session-list-page.tsx";

export const metadata: Metadata = { title: "Sessions" };

export default function Page() {
  return <ReachSessionListPage />;
}

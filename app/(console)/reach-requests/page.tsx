import type { Metadata } from "next";
import { ReachRequestListPage } from "./_components/reach-request-list-page.tsx";

export const metadata: Metadata = { title: "Requests" };

export default function Page() {
  return <ReachRequestListPage />;
}

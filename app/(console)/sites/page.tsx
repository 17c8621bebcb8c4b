import type { Metadata } from "next";
import { SiteListPage } from "./_components/site-list-page.tsx";

export const metadata: Metadata = { title: "Sites" };

export default function Page() {
  return <SiteListPage />;
}

import type { Metadata } from "next";
import { ServerListPage } from "./_components/server-list-page.tsx";

export const metadata: Metadata = { title: "Servers" };

export default function Page() {
  return <ServerListPage />;
}

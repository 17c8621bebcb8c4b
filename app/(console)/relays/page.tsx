import type { Metadata } from "next";
import { RelayListPage } from "./_components/relay-list-page.tsx";

export const metadata: Metadata = { title: "Relays" };

export default function Page() {
  return <RelayListPage />;
}

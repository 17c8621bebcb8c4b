import type { Metadata } from "next";
import { PoolListPage } from "./_components/pool-list-page.tsx";

export const metadata: Metadata = { title: "Pools" };

export default function Page() {
  return <PoolListPage />;
}

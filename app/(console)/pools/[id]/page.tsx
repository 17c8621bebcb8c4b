import type { Metadata } from "next";
import { PoolDetailPage } from "../_components/pool-detail-page.tsx";

export const metadata: Metadata = { title: "Pool" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <PoolDetailPage id={id} />;
}

import type { Metadata } from "next";
import { RelayDetailPage } from "../_components/relay-detail-page.tsx";

export const metadata: Metadata = { title: "Relay" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <RelayDetailPage id={id} />;
}

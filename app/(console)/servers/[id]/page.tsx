import type { Metadata } from "next";
import { ServerDetailPage } from "../_components/server-detail-page.tsx";

export const metadata: Metadata = { title: "Server" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <ServerDetailPage id={id} />;
}

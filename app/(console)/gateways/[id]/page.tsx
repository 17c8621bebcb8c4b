import type { Metadata } from "next";
import { GatewayDetailPage } from "../_components/gateway-detail-page.tsx";

export const metadata: Metadata = { title: "Gateway" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <GatewayDetailPage id={id} />;
}

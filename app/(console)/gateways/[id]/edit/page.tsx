import type { Metadata } from "next";
import { GatewayEditPage } from "../../_components/gateway-form.tsx";

export const metadata: Metadata = { title: "Change gateway" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <GatewayEditPage id={id} />;
}

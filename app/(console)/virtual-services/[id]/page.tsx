import type { Metadata } from "next";
import { ServiceDetailPage } from "../_components/service-detail-page.tsx";

export const metadata: Metadata = { title: "Virtual service" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <ServiceDetailPage id={id} />;
}

import type { Metadata } from "next";
import { ServiceEditPage } from "../../_components/service-edit-page.tsx";

export const metadata: Metadata = { title: "Change virtual service" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <ServiceEditPage id={id} />;
}

import type { Metadata } from "next";
import { SiteDetailPage } from "../_components/site-detail-page.tsx";

export const metadata: Metadata = { title: "Site" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <SiteDetailPage id={id} />;
}

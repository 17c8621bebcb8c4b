import type { Metadata } from "next";
import { BundleDetailPage } from "../_components/bundle-detail-page.tsx";

export const metadata: Metadata = { title: "Bundle" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <BundleDetailPage id={id} />;
}

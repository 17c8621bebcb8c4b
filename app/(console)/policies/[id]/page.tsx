import type { Metadata } from "next";
import { PolicyDetailPage } from "../_components/policy-detail-page.tsx";

export const metadata: Metadata = { title: "Policy" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <PolicyDetailPage id={id} />;
}

import type { Metadata } from "next";
import { CertificateDetailPage } from "../_components/certificate-detail-page.tsx";

export const metadata: Metadata = { title: "Certificate" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <CertificateDetailPage id={id} />;
}

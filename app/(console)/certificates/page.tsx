import type { Metadata } from "next";
import { CertificateListPage } from "./_components/certificate-list-page.tsx";

export const metadata: Metadata = { title: "Certificates" };

export default function Page() {
  return <CertificateListPage />;
}

import type { Metadata } from "next";
import { CertificateImportPage } from "../_components/certificate-import-page.tsx";

export const metadata: Metadata = { title: "Import certificate" };

export default function Page() {
  return <CertificateImportPage />;
}

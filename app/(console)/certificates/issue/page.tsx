import type { Metadata } from "next";
import { CertificateIssuePage } from "../_components/certificate-issue-page.tsx";

export const metadata: Metadata = { title: "Issue certificate" };

export default function Page() {
  return <CertificateIssuePage />;
}

import type { Metadata } from "next";
import { AuditListPage } from "./_components/audit-list-page.tsx";

export const metadata: Metadata = { title: "Audit" };

export default function Page() {
  return <AuditListPage />;
}

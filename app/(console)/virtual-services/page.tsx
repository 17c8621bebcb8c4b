import type { Metadata } from "next";
import { ServiceListPage } from "./_components/service-list-page.tsx";

export const metadata: Metadata = { title: "Virtual services" };

export default function Page() {
  return <ServiceListPage />;
}

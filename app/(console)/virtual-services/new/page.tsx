import type { Metadata } from "next";
import { ServiceCreatePage } from "../_components/service-create-page.tsx";

export const metadata: Metadata = { title: "Create virtual service" };

export default function Page() {
  return <ServiceCreatePage />;
}

import type { Metadata } from "next";
import { SiteCreatePage } from "../_components/site-form.tsx";

export const metadata: Metadata = { title: "Create site" };

export default function Page() {
  return <SiteCreatePage />;
}

import type { Metadata } from "next";
import { BundleCreatePage } from "../_components/bundle-form.tsx";

export const metadata: Metadata = { title: "Create bundle" };

export default function Page() {
  return <BundleCreatePage />;
}

import type { Metadata } from "next";
import { BundleListPage } from "./_components/bundle-list-page.tsx";

export const metadata: Metadata = { title: "Bundles" };

export default function Page() {
  return <BundleListPage />;
}

import type { Metadata } from "next";
import { RelayCreatePage } from "../_components/relay-form.tsx";

export const metadata: Metadata = { title: "Create relay" };

export default function Page() {
  return <RelayCreatePage />;
}

import type { Metadata } from "next";
import { PolicyCreatePage } from "../_components/policy-form.tsx";

export const metadata: Metadata = { title: "Create policy" };

export default function Page() {
  return <PolicyCreatePage />;
}

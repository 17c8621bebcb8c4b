import type { Metadata } from "next";
import { PoolCreatePage } from "../_components/pool-form.tsx";

export const metadata: Metadata = { title: "Create pool" };

export default function Page() {
  return <PoolCreatePage />;
}

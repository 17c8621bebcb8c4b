import type { Metadata } from "next";
import { ServerCreatePage } from "../_components/server-form.tsx";

export const metadata: Metadata = { title: "Create server" };

export default function Page() {
  return <ServerCreatePage />;
}

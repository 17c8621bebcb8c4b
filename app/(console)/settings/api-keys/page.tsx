import type { Metadata } from "next";
import { ApiKeyListPage } from "../_components/api-key-list-page.tsx";

export const metadata: Metadata = { title: "API keys" };

export default function Page() {
  return <ApiKeyListPage />;
}

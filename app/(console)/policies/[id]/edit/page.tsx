import type { Metadata } from "next";
import { PolicyEditPage } from "../../_components/policy-form.tsx";

export const metadata: Metadata = { title: "Change policy" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <PolicyEditPage id={id} />;
}

import type { Metadata } from "next";
import { RelayEditPage } from "../../_components/relay-form.tsx";

export const metadata: Metadata = { title: "Change relay" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <RelayEditPage id={id} />;
}

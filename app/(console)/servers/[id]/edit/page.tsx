import type { Metadata } from "next";
import { ServerEditPage } from "../../_components/server-form.tsx";

export const metadata: Metadata = { title: "Change server" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <ServerEditPage id={id} />;
}

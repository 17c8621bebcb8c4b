import type { Metadata } from "next";
import { SiteEditPage } from "../../_components/site-form.tsx";

export const metadata: Metadata = { title: "Change site" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <SiteEditPage id={id} />;
}

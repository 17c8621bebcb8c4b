import type { Metadata } from "next";
import { PoolEditPage } from "../../_components/pool-form.tsx";

export const metadata: Metadata = { title: "Change pool" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <PoolEditPage id={id} />;
}

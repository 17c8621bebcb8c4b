import type { Metadata } from "next";
import { GroupEditPage } from "../../_components/group-form.tsx";

export const metadata: Metadata = { title: "Change group" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <GroupEditPage id={id} />;
}

import type { Metadata } from "next";
import { TaskBatchDetailPage } from "../../_components/task-batch-detail-page.tsx";

export const metadata: Metadata = { title: "Batch" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <TaskBatchDetailPage id={id} />;
}

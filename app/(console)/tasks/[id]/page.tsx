import type { Metadata } from "next";
import { TaskDetailPage } from "../_components/task-detail-page.tsx";

export const metadata: Metadata = { title: "Task" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <TaskDetailPage id={id} />;
}

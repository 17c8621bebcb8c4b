import type { Metadata } from "next";
import { TaskBatchListPage } from "../_components/task-batch-list-page.tsx";

export const metadata: Metadata = { title: "Batches" };

export default function Page() {
  return <TaskBatchListPage />;
}

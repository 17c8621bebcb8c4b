import type { Metadata } from "next";
import { TaskBatchCreatePage } from "../_components/task-batch-form.tsx";

export const metadata: Metadata = { title: "Run task on groups" };

export default function Page() {
  return <TaskBatchCreatePage />;
}

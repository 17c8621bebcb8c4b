import type { Metadata } from "next";
import { TaskListPage } from "./_components/task-list-page.tsx";

export const metadata: Metadata = { title: "Tasks" };

export default function Page() {
  return <TaskListPage />;
}

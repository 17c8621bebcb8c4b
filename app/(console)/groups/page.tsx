import type { Metadata } from "next";
import { GroupListPage } from "./_components/group-list-page.tsx";

export const metadata: Metadata = { title: "Groups" };

export default function Page() {
  return <GroupListPage />;
}

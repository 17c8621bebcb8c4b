import type { Metadata } from "next";
import { UserListPage } from "../_components/user-list-page.tsx";

export const metadata: Metadata = { title: "Users" };

export default function Page() {
  return <UserListPage />;
}

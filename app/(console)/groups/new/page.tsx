import type { Metadata } from "next";
import { GroupCreatePage } from "../_components/group-form.tsx";

export const metadata: Metadata = { title: "Create group" };

export default function Page() {
  return <GroupCreatePage />;
}

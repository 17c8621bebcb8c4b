import type { Metadata } from "next";
import { GuidePage } from "./_components/guide-page.tsx";

export const metadata: Metadata = { title: "First run" };

export default function Page() {
  return <GuidePage />;
}

import type { Metadata } from "next";
import { LinkForm } from "../_components/link-form.tsx";

export const metadata: Metadata = { title: "Set up" };
export const dynamic = "force-dynamic";

export default function SetUpPage() {
  return <LinkForm kind="setup" />;
}

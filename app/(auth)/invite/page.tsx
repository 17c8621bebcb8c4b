import type { Metadata } from "next";
import { LinkForm } from "../_components/link-form.tsx";

export const metadata: Metadata = { title: "Accept the invitation" };
export const dynamic = "force-dynamic";

export default function InvitePage() {
  return <LinkForm kind="invite" />;
}

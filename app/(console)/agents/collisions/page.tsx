import type { Metadata } from "next";
import { CollisionsPage } from "../_components/collisions-page.tsx";

export const metadata: Metadata = { title: "Look-alikes" };

export default function Page() {
  return <CollisionsPage />;
}

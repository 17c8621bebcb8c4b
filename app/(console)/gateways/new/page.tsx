import type { Metadata } from "next";
import { GatewayCreatePage } from "../_components/gateway-form.tsx";

export const metadata: Metadata = { title: "Create gateway" };

export default function Page() {
  return <GatewayCreatePage />;
}

import type { Metadata } from "next";
import { GatewayListPage } from "./_components/gateway-list-page.tsx";

export const metadata: Metadata = { title: "Gateways" };

export default function Page() {
  return <GatewayListPage />;
}

"use client";
/** The load balancer in front of a gateway: what it must do, as a sheet and as ready configurations (S0-04). */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { type SheetFormat, SheetSection } from "../../_shared/sheet.tsx";
import type { Gateway } from "./gateway-detail-page.tsx";

export function FrontBalancer({ gateway }: { gateway: Gateway }) {
  const [format, setFormat] = useState<SheetFormat | null>(null);
  const query = useQuery(useTRPC().gateway.sheet.queryOptions({ id: gateway.id, format: format ?? "neutral" }, { enabled: format !== null }));
  if (!gateway.isBehindLoadBalancer) return null;
  return <SheetSection title="Settings for the load balancer in front" hint="TLS is passed through untouched and checked by TCP. Its own configuration is in the hands of whoever runs it: check the result from outside." id="gateway" format={format} onFormat={setFormat} query={query} />;
}

"use client";
/** Changing a virtual service. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { PageHeader, useTitle } from "@/app/_ui/page.tsx";
import { LoadedOnce } from "../../_shared/loaded.tsx";
import { useSaved } from "../../_shared/use-saved.ts";
import { ServiceForm } from "./service-form.tsx";
import { type ServiceDetail, serviceValues } from "./service-values.ts";

export function ServiceEditPage({ id }: { id: string }) {
  const service = useQuery(useTRPC().virtualService.get.queryOptions({ id }, { refetchOnMount: "always" }));
  useTitle(service.data && `Change ${service.data.name}`);
  return <LoadedOnce query={service}>{(data) => <ServiceEdit service={data} />}</LoadedOnce>;
}

function ServiceEdit({ service }: { service: ServiceDetail }) {
  const update = useMutation(useTRPC().virtualService.update.mutationOptions());
  const saved = useSaved();
  const href = routes.virtualServices.detail(service.id);
  return (
    <>
      <PageHeader crumb={{ label: service.name, href }} title={`Change ${service.name}`} purpose="It is live on connected gateways in under a second. Connections that stand are left alone." />
      <ServiceForm initial={serviceValues(service)} saved={{ id: service.id, version: service.version, name: service.name, knownGateways: service.gateways }} submit="Save virtual service" cancelHref={href} save={async ({ pool: _described, poolId, ...settings }, confirmName) => {
        await update.mutateAsync({ ...settings, poolId: poolId ?? service.pool.id, id: service.id, version: service.version, confirmName });
        saved(`Virtual service ${settings.name} saved.`, href);
      }} />
    </>
  );
}

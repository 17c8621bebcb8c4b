import { expect, it } from "vitest";
import { proxyVersions } from "./proxy-versions.ts";

it("sends the header in checks only where all services of a pool send the same", () => {
  const services = [
    { poolId: "a", sendProxy: "v1" as const },
    { poolId: "a", sendProxy: "v1" as const },
    { poolId: "b", sendProxy: "v2" as const },
    { poolId: "c", sendProxy: "v2" as const },
    { poolId: "c", sendProxy: "off" as const },
    { poolId: "c", sendProxy: "v2" as const },
    { poolId: "d", sendProxy: "off" as const },
  ];
  expect([...proxyVersions(services)]).toEqual([["a", 1], ["b", 2]]);
});

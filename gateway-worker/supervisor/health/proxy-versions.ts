/** Which pools' members demand a PROXY protocol header: a check without it would call a healthy one broken. */
import type { SnapshotService } from "../../../contract/virtual-service.ts";

export type ProxySending = Pick<SnapshotService, "poolId" | "sendProxy">;

/** Header version by pool, where all services of the pool send the same. Services that disagree say nothing about what members demand, so checks send none. */
export function proxyVersions(services: readonly ProxySending[]): Map<string, 1 | 2> {
  const found = new Map<string, SnapshotService["sendProxy"] | "mixed">();
  for (const { poolId, sendProxy } of services) found.set(poolId, (found.get(poolId) ?? sendProxy) === sendProxy ? sendProxy : "mixed");
  const versions = { off: undefined, mixed: undefined, v1: 1, v2: 2 } as const;
  return new Map([...found].flatMap(([poolId, sending]): [string, 1 | 2][] => {
    const version = versions[sending];
    return version === undefined ? [] : [[poolId, version]];
  }));
}

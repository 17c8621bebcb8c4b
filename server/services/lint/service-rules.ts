/** All rules about one virtual service, in one place: the form's plan, the service's page and `sallyport lint` run the same. */
import type { Finding } from "../../../contract/finding.ts";
import { persistenceFindings, poolFindings } from "./balancing-rules.ts";
import { certificateFindings } from "./certificate-rules.ts";
import type { PoolFacts, ServiceFacts, Surroundings } from "./facts.ts";
import { healthFindings, weakCheckFindings } from "./health-rules.ts";
import { nameFindings } from "./name-rules.ts";
import { neighbourFindings } from "./neighbour-rules.ts";

/** What concerns the service and the service with its pool; what the pool says by itself is `findingsOfPool`. */
export function findingsOfService(service: ServiceFacts, around: Surroundings): Finding[] {
  return [...nameFindings(service, around), ...certificateFindings(service, around), ...persistenceFindings(service, around), ...weakCheckFindings(service), ...neighbourFindings(service, around)];
}

export function findingsOfPool(pool: PoolFacts): Finding[] {
  return [...poolFindings(pool), ...healthFindings(pool)];
}

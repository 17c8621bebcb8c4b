/** Which persistence a request gets: the service's own, or the first exception whose class of clients it belongs to (S3-38 to S3-40). */
import type { Persistence, PersistenceException } from "../../contract/persistence.ts";

export type ClassFacts = { target: string; userAgent: string };

/** The exception that this request falls under, or undefined. */
export function exceptionFor(persistence: Persistence, facts: ClassFacts): PersistenceException | undefined {
  if (!("exceptions" in persistence)) return undefined;
  return persistence.exceptions.find((exception) => matches(exception, facts));
}

function matches({ match }: PersistenceException, { target, userAgent }: ClassFacts): boolean {
  if (match.pathPrefix !== null && !pathOf(target).startsWith(match.pathPrefix)) return false;
  if (match.userAgentContains === null) return true;
  const at = userAgent.toLowerCase().indexOf(match.userAgentContains.toLowerCase());
  if (at < 0) return false;
  if (match.versionBelow === null) return true;
  const found = /^[ /v]{0,3}(\d+(?:\.\d+){0,7})/i.exec(userAgent.slice(at + match.userAgentContains.length))?.[1];
  return found !== undefined && compareVersions(found, match.versionBelow) < 0;
}

/** Compares dotted numbers: 10.5 equals 10.5.0 and is below 10.5.1, 9.12 is below 10.0. */
export function compareVersions(left: string, right: string): number {
  const [one, other] = [left.split("."), right.split(".")];
  for (let index = 0; index < Math.max(one.length, other.length); index += 1) {
    const difference = Number(one[index] ?? 0) - Number(other[index] ?? 0);
    if (difference !== 0) return Math.sign(difference);
  }
  return 0;
}

function pathOf(target: string): string {
  const end = target.indexOf("?");
  return end < 0 ? target : target.slice(0, end);
}

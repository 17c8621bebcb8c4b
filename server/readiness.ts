/** Whether the console can do its work: it can when the database answers. Gateways and tunnels do not depend on it. */
import { databaseProblem } from "./database-ready.ts";
import type { Db } from "./db.ts";
import type { Readiness } from "./http.ts";

/** Longest wait for the answer, ms: whoever probes has a deadline of their own. */
const answerWithinMs = 2_500;

export async function readiness(database: Db): Promise<Readiness> {
  const late = Symbol("late");
  let timer: NodeJS.Timeout | undefined;
  const problem = await Promise.race([databaseProblem(database), new Promise<typeof late>((resolve) => (timer = setTimeout(() => resolve(late), answerWithinMs)))]);
  clearTimeout(timer);
  if (problem === late) return { kind: "not-ready", reason: `The database did not answer within ${answerWithinMs} ms.` };
  return problem === null ? { kind: "ready" } : { kind: "not-ready", reason: problem.sentence };
}

/** Asks one engine to build and bind a snapshot. */
import type { SnapshotProblem } from "../../contract/control.ts";
import type { EngineCommand } from "../engine-messages.ts";
import type { EngineProcess } from "./engine-process.ts";

export type Preparation = Omit<Extract<EngineCommand, { kind: "prepare" }>, "kind" | "id">;
/** `pid`: the process that was asked; another one in its place knows nothing of it. */
export type Prepared = { engine: EngineProcess; pid: number; id: number | undefined; problems: SnapshotProblem[] };

/** The first of the two phases at one engine; an engine that dies in it is a problem like any other. */
export async function prepare(engine: EngineProcess, next: Preparation): Promise<Prepared> {
  const { pid } = engine;
  try {
    const answer = await engine.ask({ kind: "prepare", ...next });
    return { engine, pid, id: answer.id, problems: answer.kind === "prepared" ? answer.problems : [] };
  } catch (cause) {
    return { engine, pid, id: undefined, problems: [{ path: "", code: "engine-died", message: cause instanceof Error ? cause.message : String(cause) }] };
  }
}

/** Engines say the same; people want to read it once. */
export function distinct(problems: SnapshotProblem[]): SnapshotProblem[] {
  return [...new Map(problems.map((problem) => [`${problem.path} ${problem.code} ${problem.message}`, problem])).values()].slice(0, 200);
}

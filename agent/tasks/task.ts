/** What carrying out one task may do with its surroundings, and how it ends. */
import type { TaskResult } from "../../contract/command.ts";
import type { AgentWork } from "../work.ts";

export type TaskEnd = { state: "done" | "failed"; message: string; exitCode?: number | null; isOutputCut?: boolean; findings?: TaskResult["findings"] };
/** The end is told by the next run of the agent, which knows whether the program with this SHA-256 came up. */
export type TaskRestart = { state: "restarting"; message: string; program: string };

export type TaskContext = {
  readonly id: string;
  readonly work: AgentWork;
  /** Aborted when the task is cancelled or the agent stops. */
  readonly signal: AbortSignal;
  /** 0 to 100, or null when it cannot be told. */
  progress(percent: number | null, message: string): void;
  output(text: string): void;
  /** Resolves when there is room for more output; a task that makes much waits here. */
  room(): Promise<void>;
};

/** A failure whose sentence is for people; it ends the task as failed. */
export class TaskFailed extends Error {}

/** What every part of the service form gets: the values as they stand, how to change one, and what is said at a field. */
import type { ReactNode } from "react";
import type { Draft } from "@/app/_ui/use-draft.ts";
import type { ServiceValues } from "./service-values.ts";

export type ServiceDraft = Draft<ServiceValues> & { /** Findings of the planner and reasons of a preset at a path. */ notesAt: (path: string) => ReactNode };
export type PartProperties = { draft: ServiceDraft };

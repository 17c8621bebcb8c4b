"use client";
/** JSON to the doors that are not tRPC: sign-in, sign-out, one-time links. Failures throw the same shape as tRPC's, so pages read them alike. */
import type { Problem } from "./problem.ts";

/** Rejects with `{ data: Problem }`, or with the network's own error when nothing answered. */
export async function postJson<R>(path: `/api/${string}`, body: unknown): Promise<R> {
  const response = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  const answer = (await response.json()) as { error?: Problem };
  if (!response.ok) throw Object.assign(new Error(answer.error?.message ?? "The request was refused."), { data: answer.error });
  return answer as R;
}

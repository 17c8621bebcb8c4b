/** Sentences about the running gateway, for its log and its status. */
import type { LogLine } from "../../contract/control.ts";
import { refusals } from "../../contract/error-codes.ts";

/** A refusal's line; the console gets the refusal itself. */
export function isRefusalLine(line: LogLine): boolean {
  return typeof line.fields["code"] === "string" && line.fields["code"] in refusals;
}

export function skewSentence(clockSkewMs: number): string {
  return `this machine's clock is ${Math.round(Math.abs(clockSkewMs) / 1000)} s ${clockSkewMs > 0 ? "ahead of" : "behind"} the console's; certificates are judged by it: correct it`;
}

/** "3 minutes" from an ISO time to now. */
export function age(since: string): string {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(since)) / 1000));
  if (seconds < 120) return `${seconds} seconds`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} minutes`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} hours` : `${Math.round(seconds / 86_400)} days`;
}

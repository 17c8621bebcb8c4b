/** Before something is cut off: what it means, and whether the person means it. */
import { CliError, usage } from "./errors.ts";
import { plain, type Row, type Screen } from "./output.ts";
import { ask, isInteractive } from "./prompt.ts";

export type Impact = { agentsAffected: number; lines: string[]; blockers: string[]; undo: string; needsConfirmation: boolean };

/** Shows the impact; refuses on blockers; asks unless `isYes`. Returns the name to send along as confirmation. */
export async function confirmImpact(screen: Screen, question: { what: string; name: string; impact: Impact; isYes: boolean }): Promise<string> {
  const { impact, name, what, isYes } = question;
  for (const line of impact.lines) screen.err(`  ${plain(line)}\n`);
  if (impact.agentsAffected > 0) screen.err(`  Agents that lose their way from outside: ${impact.agentsAffected}\n`);
  if (impact.blockers.length > 0) throw new CliError(`${what} is not possible yet.`, { code: "in-use", details: impact.blockers });
  if (isYes) return name;
  if (!isInteractive()) throw usage(`${what} needs --yes when nobody can be asked.`);
  screen.err(`  ${plain(impact.undo)}\n`);
  const answer = impact.needsConfirmation ? await ask(`Type "${plain(name)}" to go on: `, "") : await ask(`${what}? [y/N] `, "");
  const isMeant = impact.needsConfirmation ? answer === name : /^y(es)?$/i.test(answer);
  if (!isMeant) throw new CliError("Nothing was changed.", { code: "not-confirmed" });
  return name;
}

/** The name an object is confirmed by. */
export function confirmName(detail: Row): string {
  return String(detail["name"] ?? detail["hostname"] ?? detail["subject"] ?? detail["id"]);
}

/** The name that the console asks for before it goes on with a change, once the person means it; undefined when `error` is another refusal. Throws when nobody means it. */
export async function confirmRefused(error: unknown, question: { what: string; isYes: boolean }, screen: Screen): Promise<string | undefined> {
  if (!(error instanceof CliError) || error.code !== "confirmation-missing") return undefined;
  const name = /^type (.+)$/.exec(error.fields.find((field) => field.path === "confirmName")?.message ?? "")?.[1];
  if (name === undefined) return undefined;
  if (question.isYes) return name;
  if (!isInteractive()) throw new CliError(error.message, { exitCode: 2, code: error.code, details: [...error.details, "Use --yes when this is meant."], cause: error });
  screen.err(`${plain(error.message)}\n`);
  if ((await ask(`Type "${plain(name)}" to go on: `, "")) !== name) throw new CliError("Nothing was changed.", { code: "not-confirmed" });
  return name;
}

/**
 * What is wrong with a value, in a sentence that names the value and says what fits: for every schema that brings no words of its own. In force wherever a
 * contract is read, so that pages, API and command line say the same.
 */
import { z } from "zod";

type Issue = Parameters<z.core.$ZodErrorMap>[0];

/** One sentence for an issue; undefined leaves it to the library's own words. */
export function sayProblem(issue: Issue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      if (issue.input === undefined) return "this is missing";
      return `${shown(issue.input)} is not ${kinds[issue.expected] ?? issue.expected}`;
    case "invalid_value":
      if (issue.input === undefined) return `this is missing; ${oneOf(issue.values.map(String))}`;
      return `${shown(issue.input)} is not known here; ${oneOf(issue.values.map(String))}`;
    case "invalid_union":
      return sayUnion(issue);
    case "too_small":
      return saySize(issue.origin, { bound: issue.minimum, word: "at least", input: issue.input });
    case "too_big":
      return saySize(issue.origin, { bound: issue.maximum, word: "at most", input: issue.input });
    case "unrecognized_keys":
      return `${issue.keys.map((key) => `"${key}"`).join(", ")} ${issue.keys.length === 1 ? "is" : "are"} not known here; check the spelling`;
    default:
      return undefined;
  }
}

const kinds: Record<string, string> = { string: "text", number: "a number", int: "a whole number", boolean: "true or false", array: "a list", object: "an object" };

/** A value that selects one of several forms, such as `kind`. The issue's input is the whole object. */
function sayUnion(issue: Issue & { code: "invalid_union" }): string | undefined {
  const { discriminator: key, options } = issue as { discriminator?: unknown; options?: unknown };
  if (typeof key !== "string" || !Array.isArray(options)) return undefined;
  const given = typeof issue.input === "object" && issue.input !== null ? (issue.input as Record<string, unknown>)[key] : undefined;
  const choices = oneOf(options.map(String));
  return given === undefined ? `${key} is missing; ${choices}` : `${shown(given)} is not known here; ${choices}`;
}

function saySize(origin: string, { bound, word, input }: { bound: number | bigint; word: string; input: unknown }): string {
  if (origin === "string") return word === "at least" && Number(bound) === 1 ? "this is empty" : `${word} ${bound} characters are taken`;
  if (origin === "array") return word === "at least" && Number(bound) === 1 ? "the list is empty; give one or more" : `${word} ${bound} entries are taken`;
  return `${shown(input)} is out of range; use ${word} ${bound}`;
}

function oneOf(choices: readonly string[]): string {
  return choices.length === 1 ? `use ${choices[0]}` : `use one of ${choices.join(", ")}`;
}

/** A value in a sentence; long ones and objects only by their kind, and nothing of a key or password. */
function shown(value: unknown): string {
  if (typeof value === "string") return value.length <= 60 && !value.includes("\n") ? `"${value}"` : "this text";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return value === null ? "null" : Array.isArray(value) ? "a list" : "an object";
}

z.config({ customError: sayProblem });

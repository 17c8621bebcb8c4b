/** Calls to the console: /api/v1 with the key, errors as sentences. Every call has a deadline. */
import { z } from "zod";
import { type Connection } from "./config.ts";
import { CliError } from "./errors.ts";

/** Longest a call may take, ms; checks of the guide look at real machines. */
const timeoutMs = 60_000;

export type Call = { method: string; path: string; query?: Record<string, unknown>; body?: unknown };

const errorAnswer = z.object({ error: z.object({ code: z.string(), message: z.string(), fields: z.array(z.object({ path: z.string(), message: z.string() })).default([]), requestId: z.string().default("") }) });

/** One REST call; `path` is below /api/v1. Throws CliError with the console's sentence. */
export async function callApi(target: Connection, call: Call): Promise<unknown> {
  const url = new URL(`${target.url}/api/v1${call.path}`);
  for (const [key, value] of Object.entries(call.query ?? {})) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) url.searchParams.append(key, String(one));
  }
  const body = call.body === undefined ? {} : { body: JSON.stringify(call.body) };
  const headers = { authorization: `Bearer ${target.apiKey}`, accept: "application/json", ...(call.body === undefined ? {} : { "content-type": "application/json" }) };
  return readAnswer(await reach(url, { method: call.method, headers, ...body }));
}

/** A call outside /api/v1, such as sign-in and set-up; returns the answer's headers too. */
export async function postJson(url: string, body: unknown, headers: Record<string, string> = {}): Promise<{ answer: unknown; headers: Headers }> {
  const response = await reach(new URL(url), { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) });
  return { answer: await readAnswer(response), headers: response.headers };
}

/** A response as it comes; a network failure is a CliError that names the address. */
export async function reach(url: URL, init: RequestInit = {}, waitMs = timeoutMs): Promise<Response> {
  try {
    return await fetch(url, { redirect: "error", signal: AbortSignal.timeout(waitMs), ...init });
  } catch (cause) {
    throw new CliError(`${url.origin} does not answer: ${reasonOf(cause)}`, { code: "unreachable", cause, details: hintsFor(cause) });
  }
}

export async function readAnswer(response: Response): Promise<unknown> {
  const text = await response.text();
  let answer: unknown;
  try {
    answer = text === "" ? null : JSON.parse(text);
  } catch (cause) {
    throw new CliError(`${new URL(response.url).origin} answered ${response.status} with something that is not the console's; check the address.`, { code: "not-the-console", cause });
  }
  if (response.ok) return answer;
  throw refusedBy(response.status, answer);
}

function refusedBy(status: number, answer: unknown): CliError {
  // tRPC, used once to make the first key, wraps the same data one level deeper.
  const parsed = errorAnswer.safeParse(answer);
  const inner = parsed.success ? parsed.data.error : errorAnswer.safeParse({ error: (answer as { error?: { data?: unknown } } | null)?.error?.data }).data?.error;
  if (!inner) return new CliError(`The console answered ${status}.`, { code: `http-${status}` });
  const fields = inner.fields.filter((field) => !inner.message.includes(field.message)).map((field) => `${field.path}: ${field.message}`);
  return new CliError(inner.message, { code: inner.code, fields: inner.fields, details: [...fields, [`code ${inner.code}`, ...(inner.requestId ? [`request id ${inner.requestId}`] : [])].join(", ")] });
}

function reasonOf(error: unknown): string {
  let current: unknown = error;
  while (current instanceof Error && current.cause instanceof Error) current = current.cause;
  if (current instanceof AggregateError) current = current.errors[0];
  if (current instanceof Error && current.name === "TimeoutError") return "no answer in time";
  return current instanceof Error ? current.message || current.name : String(current);
}

function hintsFor(error: unknown): string[] {
  const reason = reasonOf(error);
  if (/self.signed|unable to (get|verify)|certificate/i.test(reason)) return ["The console's certificate is not known here: give its CA with NODE_EXTRA_CA_CERTS=/path/to/ca.pem"];
  if (/ECONNREFUSED|no answer/i.test(reason)) return ["Is the console running, and is this its address? (sallyport login --url URL, or SALLYPORT_URL)"];
  return [];
}

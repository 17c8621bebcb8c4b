/**
 * Three corpora against the engine, with a member that keeps every byte. For each request: refused (4xx, 5xx or close), or exactly what
 * was meant arrives, readable in one way only.
 */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EngineBench, offer } from "./support/engine-bench.ts";
import type { Offered } from "./support/engine-bench.ts";
import { judgeBytes } from "./support/judge-bytes.ts";
import type { Judged } from "./support/judge-bytes.ts";
import { ownRequests } from "./support/own-requests.ts";
import { RawClient } from "./support/raw-client.ts";
import { RecordingMember } from "./support/recording-member.ts";

const suites = path.resolve(import.meta.dirname, "../../../shared/suites");
const probePath = path.join(suites, "http11probe-requests.json");
const llhttpPath = path.join(suites, "llhttp-cases.json");
if (!existsSync(probePath)) console.warn("skipped: the suites http11probe and llhttp are not beside the repository");

/**
 * http11probe cases that say "400" in one form or another and that are passed on all the same, each with its reason. All of them
 * reach the member as one request with framing of our own.
 */
const passedOn: Record<string, string> = {
  "COMP-GET-WITH-CL-BODY": "a GET with content is legal (RFC 9110 section 9.3.1)",
  "COMP-CHUNKED-EXTENSION": "a well-formed extension is legal and is not passed on (RFC 9112 section 7.1.1)",
  "COMP-DUPLICATE-CT": "Content-Type says nothing about framing; both lines are passed on as they are (S3-15)",
  "RFC9112-3-MULTI-SP-REQUEST-LINE": "the runtime reads two spaces as one (RFC 9112 section 3 allows it); the member gets a line of our own with one",
  "COMP-ABSOLUTE-FORM": "legal where it names the same host as Host; the member gets the origin-form",
  "COMP-CONNECTION-CLOSE": "an ordinary request; the connection closes after the response",
  "COMP-HTTP10-DEFAULT-CLOSE": "an ordinary request; the connection closes after the response",
  "COMP-HTTP10-NO-HOST": "HTTP/1.0 needs no Host; the member gets the one of the service or of its own",
  "COMP-LEADING-CRLF": "empty lines before a request are to be ignored (RFC 9112 section 2.2)",
  "MAL-CL-TAB-BEFORE-VALUE": "a tab is whitespace around a value (RFC 9112 section 5)",
  "SMUG-CL-TRAILING-SPACE": "whitespace around a value is no part of it",
  "SMUG-CL-EXTRA-LEADING-SP": "whitespace around a value is no part of it",
  "SMUG-EXPECT-100-CL": "an ordinary expectation, and the body came with it",
  "SMUG-EXPECT-100-CL-DESYNC": "the same, and the next request is read behind the body",
  "SMUG-TRAILER-HOST": "forbidden trailers are left out (RFC 9110 section 6.5.1)",
  "SMUG-TRAILER-AUTH": "forbidden trailers are left out",
  "SMUG-TRAILER-CONTENT-TYPE": "forbidden trailers are left out",
  "SMUG-HEAD-CL-BODY": "content of a HEAD request is legal, and framed anew",
  "SMUG-OPTIONS-CL-BODY": "content of an OPTIONS request is legal",
  "SMUG-OPTIONS-CL-BODY-DESYNC": "content of an OPTIONS request is legal; the next request is read behind it",
  "SMUG-GET-CL-BODY-DESYNC": "content of a GET request is legal; the next request is read behind it",
  "SMUG-GET-CL-PREFIX-DESYNC": "what looks like a request is the GET's content, and stays content",
  "MAL-URL-BACKSLASH": "passed unchanged: the application decides what its paths mean",
  "MAL-URL-PERCENT-NULL": "passed unchanged, still escaped",
  "MAL-URL-PERCENT-CRLF": "passed unchanged, still escaped",
  "MAL-RANGE-OVERLAPPING": "Range is the application's",
  "COOK-EMPTY": "an empty Cookie is passed on as it is",
  "COOK-MALFORMED": "cookies that are not ours are passed on as they are (S3-15)",
  "COOK-MANY-PAIRS": "within the bounds of a head",
};

/** llhttp request cases that its parser refuses, and that arrive here as one request: none may be missing from this list. */
const llhttpPassedOn: Record<string, string> = {
  "Data after `Connection: close`": "the request before those bytes is complete and is answered; the bytes behind it are never read",
  "Pause on CONNECT/Upgrade": "no error but llhttp's word for an upgrade; only WebSocket handshakes are upgraded, the rest is an ordinary request",
};

type Outcome = { status: number | undefined; text: string; judged: Judged };

let bench: EngineBench;
let recorder: RecordingMember;
let offered: Offered;

beforeAll(async () => {
  // A member that answers each complete request; unfinished ones wait.
  recorder = await RecordingMember.start((socket, bytes) => {
    const { requests } = judgeBytes(bytes);
    const answered = answeredOn.get(socket) ?? 0;
    answeredOn.set(socket, requests.length);
    for (const { line } of requests.slice(answered)) socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${line.startsWith("HEAD ") ? "0" : "2"}\r\nConnection: close\r\n\r\n${line.startsWith("HEAD ") ? "" : "ok"}`);
    if (requests.length > 0) socket.end();
  });
  offered = offer({ service: { limits: { headTimeoutMs: 500, bodyTimeoutMs: 500 } }, members: [{ port: recorder.port }] });
  bench = await EngineBench.start([offered]);
});
const answeredOn = new WeakMap<object, number>();
afterAll(async () => {
  await bench.close();
  await recorder.close();
});

/** One connection to the engine; what its member got is told apart by the order of things: one request at a time. */
async function play(steps: string[]): Promise<Outcome> {
  const before = recorder.connections.length;
  const client = new RawClient(bench.connect(offered, { serverName: null }));
  for (const [index, step] of steps.entries()) {
    client.write(step);
    if (index < steps.length - 1) await Promise.race([client.response().catch(() => undefined), new Promise((resolve) => setTimeout(resolve, 60))]);
  }
  // The client's end: a complete request is answered, and anything else is over for good.
  client.socket.end();
  const text = await client.ended();
  client.socket.destroy();
  const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1];
  const judged = recorder.connections.slice(before).map(judgeBytes);
  return { status: status === undefined ? undefined : Number(status), text, judged: { requests: judged.flatMap(({ requests }) => requests), hasPartial: judged.some(({ hasPartial }) => hasPartial), problems: judged.flatMap(({ problems }) => problems) } };
}

describe.skipIf(!existsSync(probePath))("http11probe", () => {
  it("brings no illegal or ambiguous byte of its 207 requests to a member [T28] [H10]", async () => {
    const { cases } = JSON.parse(readFileSync(probePath, "utf8")) as { cases: { id: string; payload_b64?: string; steps_b64?: string[]; expected_status: string | null; expected_text: string | null }[] };
    expect(cases).toHaveLength(207);
    const wrong: string[] = [];
    let refused = 0;
    for (const one of cases) {
      const steps = (one.steps_b64 ?? [one.payload_b64 ?? ""]).map((text) => Buffer.from(text, "base64").toString("latin1"));
      const { status, judged } = await play(steps);
      if (judged.problems.length > 0) wrong.push(`${one.id}: ${judged.problems.join("; ")}`);
      if (judged.requests.length > steps.length) wrong.push(`${one.id}: ${judged.requests.length} requests of ${steps.length}`);
      if (status !== 200) refused += 1;
      const mustRefuse = one.expected_status === "Exact(400)";
      const mayRefuse = /400|417|505|close|Reject/.test(`${one.expected_status} ${one.expected_text}`);
      if (mustRefuse && judged.requests.length > 0) wrong.push(`${one.id}: passed on, and must be refused`);
      if (mayRefuse && !mustRefuse && status === 200 && passedOn[one.id] === undefined) wrong.push(`${one.id}: passed on without a reason`);
      if (status !== 200 && passedOn[one.id] !== undefined) wrong.push(`${one.id}: refused, and listed as passed on`);
      if (!mayRefuse && status !== 200) wrong.push(`${one.id}: refused with ${status ?? "a close"}, expected ${one.expected_status ?? one.expected_text}`);
    }
    expect(wrong).toEqual([]);
    expect(refused).toBeGreaterThan(100);
  }, 120_000);
});

describe.skipIf(!existsSync(llhttpPath))("llhttp", () => {
  it("brings no illegal or ambiguous byte of its request cases to a member [T28]", async () => {
    const { cases } = JSON.parse(readFileSync(llhttpPath, "utf8")) as { cases: { title: string; meta: { type: string }; http: string; error: string | null }[] };
    const requests = cases.filter(({ meta }) => meta.type.startsWith("request"));
    expect(requests.length).toBeGreaterThan(150);
    const wrong: string[] = [];
    for (const [index, one] of requests.entries()) {
      // As printed, with our Host where it has none: without one all would be refused for that alone. Once more as it is.
      for (const bytes of [asBytes(one.http), withHost(asBytes(one.http))]) {
        const { judged } = await play([bytes]);
        const name = `${index} ${one.title}`;
        if (judged.problems.length > 0) wrong.push(`${name}: ${judged.problems.join("; ")}`);
        const isLenient = one.meta.type !== "request";
        if (one.error !== null && !isLenient && judged.requests.length > 0 && !llhttpPassedOn[/reason="([^"]*)"/.exec(one.error)?.[1] ?? ""]) wrong.push(`${name}: llhttp says ${one.error}, and it was passed on: ${JSON.stringify(bytes.slice(0, 200))}`);
      }
    }
    expect(wrong).toEqual([]);
  }, 240_000);
});

/** Requests of our own that are passed on although they break a rule: what is wrong with them never reaches the member. */
const ownPassedOn: Record<string, string> = {
  'the chunk size "3;=x"': "the runtime reads an extension without a name; extensions are not passed on",
  'the request line "GET  / HTTP/1.1"': "the runtime reads two spaces as one; the member gets a line of our own with one",
};

describe("requests of our own", () => {
  const own = ownRequests();

  it("has more than 200 of them", () => {
    expect(own.length).toBeGreaterThanOrEqual(200);
  });

  it("refuses what is malformed and brings nothing ambiguous to a member [T28] [H10]", async () => {
    const wrong: string[] = [];
    for (const { title, bytes, must: wanted } of own) {
      const must = ownPassedOn[title] === undefined ? wanted : "either";
      const { status, judged, text } = await play([bytes]);
      if (judged.problems.length > 0) wrong.push(`${title}: ${judged.problems.join("; ")}`);
      if (judged.requests.length > 1) wrong.push(`${title}: ${judged.requests.length} requests`);
      // It came in one piece: what is wrong with it was known before a member was asked.
      if (must === "refused" && (judged.requests.length > 0 || judged.hasPartial)) wrong.push(`${title}: passed on`);
      if (must === "refused" && status !== undefined && status < 400) wrong.push(`${title}: answered ${status}`);
      if (must === "either" && status !== 200 && status !== 400 && status !== 408) wrong.push(`${title}: answered ${text.slice(0, 60)}`);
      for (const name of ["x-forwarded-for", "forwarded", "x-real-ip", "client-cert", "client_cert", "x_forwarded_for", "proxy"]) {
        const claimed = judged.requests.flatMap(({ fields }) => fields.filter(([field]) => field === name).map(([, value]) => value)).filter((value) => value !== "192.0.2.7");
        if (claimed.length > 0) wrong.push(`${title}: ${name} ${claimed.join(", ")} reached the member [T27]`);
      }
    }
    expect(wrong).toEqual([]);
  }, 240_000);
});

/** The suite prints CRLF as a line end and other characters as escapes. A backslash at a line's end takes the line end away. */
function asBytes(http: string): string {
  return http.replace(/\\\n/g, "").replace(/\r?\n/g, "\r\n").replace(/\\r/g, "\r").replace(/\\n/g, "\n").replace(/\\t/g, "\t").replace(/\\f/g, "\f").replace(/\\x([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function withHost(bytes: string): string {
  if (/\nhost:/i.test(bytes)) return bytes;
  return bytes.replace(/HTTP\/1\.1\r\n/g, "HTTP/1.1\r\nHost: web.example.com\r\n");
}

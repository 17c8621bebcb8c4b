/** The same requests and the same member answers through our gateway and through Debian's HAProxy with the equivalent configuration: alike, but for the differences listed with their reasons. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GatewayBench } from "../support/gateway-bench.ts";
import { type Issued, TestCa } from "../support/pki.ts";
import { answers, requests } from "./support/corpus.ts";
import { addService } from "./support/gateway.ts";
import { has, type Program, startHaproxy } from "./support/programs.ts";
import { exchange, parseMessage, type RecordingMember, recordingMember } from "./support/raw.ts";

const name = "app.example.test";

/** What HAProxy 2.6 does otherwise, and why we do it our way. */
const differences: Record<string, string> = {
  "get-connection-names-field": "a field that Connection names is for one hop and is taken out (RFC 9110 section 7.6.1); HAProxy hands it on",
  "get-http-1.0": "members are always asked with HTTP/1.1 (RFC 9110 section 6.2); HAProxy repeats the client's version",
  "get-http-1.0-no-host": "members are asked with HTTP/1.1 and so with a Host, the name the client gave in TLS",
  "bad-no-host": "RFC 9112 section 3.2: a request without Host is answered 400; HAProxy hands it on",
  "bad-both-lengths": "both lengths: refused, never repaired (T28); HAProxy drops Content-Length",
  "bad-folded": "a folded line is refused (RFC 9112 section 5.2 allows both); HAProxy puts the lines together",
  "bad-nul-in-value": "a NUL in a value is refused (RFC 9110 section 5.5); HAProxy makes it a space",
  "bad-version": "HTTP/3.7 is no version of HTTP/1; HAProxy takes it for 1.1",
  "answer-bad-both-lengths": "a member's answer with both lengths is refused with 502; HAProxy drops Content-Length",
};

/** Fields that balancers add or take away on purpose. */
const ownFields = new Set(["connection", "keep-alive", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "transfer-encoding", "content-length", "date", "proxy-status", "sallyport-connection-id"]);

let ca: TestCa;
let certificate: Issued;
let bench: GatewayBench;
let member: RecordingMember;
let haproxy: Program | undefined;
let ourPort = 0;

beforeAll(async () => {
  if (!has("haproxy")) return;
  ca = await TestCa.root({ commonName: "Services root" });
  certificate = await ca.issue({ commonName: name, dns: [name], usage: ["server"] });
  member = await recordingMember();
  bench = await GatewayBench.start({ runtime: "bun" });
  ourPort = (await addService(bench, { mode: "tls-offload", protocol: "http", certificates: [certificate], pool: { members: [{ port: member.port }] } })).port;
  await bench.applied();
  haproxy = await startHaproxy({ chainPem: certificate.chainPem, keyPem: certificate.keyPem }, `global
  maxconn 200
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
  http-reuse never
  option forwardfor
frontend in
  bind 127.0.0.1:{port} ssl crt {dir}/both.pem alpn http/1.1
  http-request set-header X-Forwarded-Proto https
  default_backend members
backend members
  server m1 127.0.0.1:${member.port}
`);
}, 60_000);

afterAll(async () => {
  await haproxy?.stop();
  await bench?.group.close();
  await member?.close();
});

type Outcome = { client: unknown; member: unknown[] };

async function outcome(port: number, request: string): Promise<Outcome> {
  member.forget();
  const back = await exchange({ port, serverName: name, ca: ca.certPem }, Buffer.from(request.replaceAll("{name}", name), "latin1"), 700);
  return { client: describeAnswers(back), member: member.taken().map((bytes) => describeRequest(bytes)) };
}

const kept = (fields: [string, string][]): string[] => fields.filter(([field]) => !ownFields.has(field)).map(([field, value]) => `${field}: ${value}`).toSorted();

/** Every answer on the connection, interim ones too. */
function describeAnswers(bytes: Buffer): unknown {
  const starts = [...bytes.toString("latin1").matchAll(/HTTP\/1\.[01] \d{3}/g)].map((match) => match.index);
  const messages = starts.map((start, index) => parseMessage(bytes.subarray(start, starts[index + 1])));
  return messages.length === 0 ? "closed" : messages.map((message) => (message ? describeAnswer(message) : "cut"));
}

function describeAnswer(message: NonNullable<ReturnType<typeof parseMessage>>): unknown {
  const status = Number(message.start.split(" ")[1]);
  const isOwn = message.fields.some(([field]) => field === "proxy-status") || (status >= 400 && message.fields.some(([field, value]) => field === "content-type" && value === "text/html"));
  // A refusal is a balancer's own page: only that it is refused, and with which class of status, is compared.
  return isOwn ? `refused ${Math.floor(status / 100)}xx` : { status, fields: kept(message.fields), body: message.body };
}

function describeRequest(bytes: Buffer): unknown {
  const message = parseMessage(bytes);
  return message ? { start: message.start, fields: kept(message.fields), body: message.body } : bytes.toString("latin1");
}

describe.skipIf(!has("haproxy"))("our HTTP engine beside HAProxy (skipped where haproxy is not installed)", () => {
  it("treats the same requests alike, but for the listed differences [S2-04] [S3-10] [S3-11] [S3-15] [T27] [T28]", async () => {
    const unexpected: unknown[] = [];
    for (const { id, request } of requests) {
      const [ours, theirs] = [await outcome(ourPort, request), await outcome(haproxy?.port ?? 0, request)];
      const isAlike = JSON.stringify(ours) === JSON.stringify(theirs);
      if (isAlike !== !(id in differences)) unexpected.push({ id, ours, theirs });
    }
    expect(unexpected).toEqual([]);
  }, 240_000);

  it("hands the same answers of members on alike, but for the listed differences [T30]", async () => {
    const unexpected: unknown[] = [];
    for (const { id, answer } of answers) {
      member.answer(answer);
      const request = "GET /answer HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n";
      const [ours, theirs] = [await outcome(ourPort, request), await outcome(haproxy?.port ?? 0, request)];
      const isAlike = JSON.stringify(ours.client) === JSON.stringify(theirs.client);
      if (isAlike !== !(`answer-${id}` in differences)) unexpected.push({ id: `answer-${id}`, ours: ours.client, theirs: theirs.client });
    }
    expect(unexpected).toEqual([]);
  }, 120_000);
});

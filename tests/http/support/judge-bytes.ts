/** Whether the bytes that a member got are requests that nobody can read in two ways. Written without any HTTP library on purpose. */

export type Judged = { requests: { line: string; fields: [string, string][]; bodyBytes: number }[]; /** Begun but not finished: bytes of it are legal so far. */ hasPartial: boolean; problems: string[] };

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** `bytes`: one connection, latin1. */
export function judgeBytes(bytes: string): Judged {
  const judged: Judged = { requests: [], hasPartial: false, problems: [] };
  let rest = bytes;
  while (rest !== "") {
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) {
      judged.hasPartial = true;
      if (/[^\r]\n|\r[^\n]|\0/.test(rest)) judged.problems.push("a bare CR, LF or NUL in an unfinished head");
      return judged;
    }
    const head = rest.slice(0, end);
    const { problems, request, framing } = judgeHead(head);
    judged.problems.push(...problems);
    const body = framing === "chunked" ? readChunked(rest.slice(end + 4)) : rest.length - end - 4 >= framing ? { length: framing, size: framing } : undefined;
    if (body === undefined) {
      judged.hasPartial = true;
      return judged;
    }
    if (typeof body === "string") {
      judged.problems.push(body);
      return judged;
    }
    judged.requests.push({ ...request, bodyBytes: body.size });
    rest = rest.slice(end + 4 + body.length);
  }
  return judged;
}

function judgeHead(head: string): { problems: string[]; request: { line: string; fields: [string, string][] }; framing: number | "chunked" } {
  const [line = "", ...lines] = head.split("\r\n");
  const problems: string[] = [];
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+ (?:\/[\x21-\x7e]*|\*) HTTP\/1\.1$/.test(line)) problems.push(`the request line ${JSON.stringify(line)}`);
  const fields = lines.map((text): [string, string] => {
    const at = text.indexOf(":");
    const name = text.slice(0, Math.max(at, 0));
    const value = text.slice(at + 1);
    if (!token.test(name)) problems.push(`the field line ${JSON.stringify(text)}`);
    if (!/^ ?[\x20-\x7e\x80-\xff\t]*$/.test(value)) problems.push(`a control character in ${JSON.stringify(text)}`);
    return [name.toLowerCase(), value.trim()];
  });
  const of = (name: string): string[] => fields.filter(([field]) => field === name).map(([, value]) => value);
  if (of("host").length !== 1) problems.push(`${of("host").length} Host fields`);
  const [lengths, encodings] = [of("content-length"), of("transfer-encoding")];
  if (lengths.length + encodings.length > 1) problems.push(`${lengths.length} Content-Length and ${encodings.length} Transfer-Encoding`);
  if (encodings.length === 1 && encodings[0] !== "chunked") problems.push(`Transfer-Encoding ${encodings[0]}`);
  if (lengths.length === 1 && !/^\d{1,15}$/.test(lengths[0] ?? "")) problems.push(`Content-Length ${lengths[0]}`);
  if (of("transfer_encoding").length + of("content_length").length > 0) problems.push("a field that reads like a framing field");
  return { problems, request: { line, fields }, framing: encodings.length > 0 ? "chunked" : Number(lengths[0] ?? 0) };
}

/** Undefined: not finished yet. A text: what is wrong. Extensions are wrong, too: they are not passed on. */
function readChunked(text: string): { length: number; size: number } | string | undefined {
  let at = 0;
  let size = 0;
  for (;;) {
    const end = text.indexOf("\r\n", at);
    if (end < 0) return undefined;
    const line = text.slice(at, end);
    if (!/^[0-9a-f]{1,8}$/i.test(line)) return `the chunk size ${JSON.stringify(line)}`;
    const length = Number.parseInt(line, 16);
    at = end + 2;
    if (length === 0) break;
    if (text.length < at + length + 2) return undefined;
    if (text.slice(at + length, at + length + 2) !== "\r\n") return "a chunk that does not end where it says";
    size += length;
    at += length + 2;
  }
  for (;;) {
    const end = text.indexOf("\r\n", at);
    if (end < 0) return undefined;
    const line = text.slice(at, end);
    at = end + 2;
    if (line === "") return { length: at, size };
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+: ?[\x20-\x7e\x80-\xff\t]*$/.test(line)) return `the trailer ${JSON.stringify(line)}`;
    if (/^(?:content-length|transfer-encoding|host|authorization|cookie|content-type)\b/i.test(line)) return `the trailer ${JSON.stringify(line)}`;
  }
}

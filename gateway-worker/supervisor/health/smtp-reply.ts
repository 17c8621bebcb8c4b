/** Reads replies of a mail server from bytes as they come (RFC 5321 section 4.2): several lines, split anywhere. Pure, and bounded in every direction. */

export type SmtpReply = { code: number; /** Text of each line, without code and separator. */ lines: string[] };
export type SmtpReading =
  | { kind: "incomplete" }
  | { kind: "reply"; reply: SmtpReply; /** Bytes taken from the front. */ length: number }
  | { kind: "refused"; detail: string };

/** RFC 5321 says 512; servers with long names or texts go beyond. */
const lineBytesMax = 2_048;
const linesMax = 100;

/** The first reply in these bytes. A bare LF ends a line too: some greeters send it, and nothing is forwarded that it could confuse. */
export function readSmtpReply(bytes: Buffer): SmtpReading {
  const lines: string[] = [];
  let code: number | undefined;
  for (let at = 0; ; ) {
    const end = bytes.indexOf(0x0a, at);
    if ((end === -1 ? bytes.length : end) - at > lineBytesMax) return { kind: "refused", detail: `a line of more than ${lineBytesMax} bytes` };
    if (end === -1) return at === bytes.length || couldBeReply(bytes.subarray(at)) ? { kind: "incomplete" } : { kind: "refused", detail: "no SMTP reply" };
    const line = bytes.toString("latin1", at, end).replace(/\r$/, "");
    const match = /^([2-5][0-9]{2})(?:([ -])(.*))?$/.exec(line);
    if (!match) return { kind: "refused", detail: "no SMTP reply" };
    const [, digits = "", separator = " ", text = ""] = match;
    if (code !== undefined && code !== Number(digits)) return { kind: "refused", detail: `a reply whose lines carry different codes, ${code} and ${digits}` };
    code = Number(digits);
    lines.push(text);
    at = end + 1;
    if (separator === " ") return { kind: "reply", reply: { code, lines }, length: at };
    if (lines.length >= linesMax) return { kind: "refused", detail: `a reply of more than ${linesMax} lines` };
  }
}

/** `220 mail.example ESMTP`: the last line as it came, for sentences. */
export function replyText(reply: SmtpReply): string {
  return `${reply.code} ${reply.lines.at(-1) ?? ""}`.trim();
}

/** True when an EHLO reply lists the keyword (RFC 5321 section 4.1.1.1). */
export function offers(reply: SmtpReply, keyword: string): boolean {
  return reply.lines.slice(1).some((line) => line.trim().split(/\s+/)[0]?.toUpperCase() === keyword);
}

/** False as soon as an unfinished line cannot become a reply, so that an HTTP or SSH server is named at once and not after the time-out. */
function couldBeReply(line: Buffer): boolean {
  return /^[2-5]([0-9]([0-9](\r?|[ -][^]*)?)?)?$/.test(line.toString("latin1"));
}

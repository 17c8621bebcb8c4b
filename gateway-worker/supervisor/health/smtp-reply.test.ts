import { describe, expect, it } from "vitest";
import { offers, readSmtpReply } from "./smtp-reply.ts";

const read = (text: string): ReturnType<typeof readSmtpReply> => readSmtpReply(Buffer.from(text, "latin1"));

describe("replies of a mail server", () => {
  it("reads a greeting of several lines, and nothing before its last line is complete [T31]", () => {
    const greeting = "220-mail.example ESMTP\r\n220-be patient\r\n220 ready\r\n";
    for (let length = 0; length < greeting.length; length += 1) expect(read(greeting.slice(0, length)), `${length} bytes`).toEqual({ kind: "incomplete" });
    expect(read(`${greeting}250 next`)).toEqual({ kind: "reply", reply: { code: 220, lines: ["mail.example ESMTP", "be patient", "ready"] }, length: greeting.length });
  });

  it.each([["220 ok\r\n", 220], ["220\r\n", 220], ["220 ok\n", 220], ["421 4.3.2 shutting down\r\n", 421], ["554 no\r\n", 554]])("reads %j", (text, code) => {
    expect(read(text)).toMatchObject({ kind: "reply", reply: { code } });
  });

  it.each(["SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 400 Bad Request\r\n", "H", "99", "600 no\r\n", "2200 no\r\n", "22x", "* OK IMAP4 ready\r\n", "+OK POP3\r\n", "\r\n"])("says at once that %j is no SMTP", (text) => {
    expect(read(text)).toEqual({ kind: "refused", detail: "no SMTP reply" });
  });

  it("refuses a reply whose lines carry different codes", () => {
    expect(read("220-a\r\n250 b\r\n")).toMatchObject({ kind: "refused" });
  });

  it("refuses lines and replies without end [T31]", () => {
    expect(read(`220 ${"x".repeat(3_000)}`)).toMatchObject({ kind: "refused", detail: expect.stringContaining("a line of more than") as string });
    expect(read("220-x\r\n".repeat(101))).toMatchObject({ kind: "refused", detail: expect.stringContaining("more than 100 lines") as string });
  });

  it("finds a keyword in the answer to EHLO, in any case, with parameters, and not in the first line", () => {
    expect(offers({ code: 250, lines: ["mail", "SIZE 10", "starttls"] }, "STARTTLS")).toBe(true);
    expect(offers({ code: 250, lines: ["mail", "AUTH PLAIN", "SIZE 10 STARTTLS"] }, "STARTTLS")).toBe(false);
    expect(offers({ code: 250, lines: ["STARTTLS"] }, "STARTTLS")).toBe(false);
  });
});

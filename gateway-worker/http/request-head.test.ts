import { describe, expect, it } from "vitest";
import { judgeOne, judgeTwo } from "./request-head.ts";

const host = ["Host", "web.example.com"];

describe("a head of HTTP/1.x", () => {
  it("is taken with its target in origin-form, whatever form it came in", () => {
    for (const [method, url, target] of [["GET", "/a?b", "/a?b"], ["GET", "http://web.example.com/a", "/a"], ["GET", "HTTP://WEB.example.com?b", "/?b"], ["OPTIONS", "*", "*"], ["OPTIONS", "http://web.example.com", "*"]] as const) {
      expect(judgeOne({ version: "1.1", method, url, fields: host })).toMatchObject({ kind: "head", head: { target, authority: "web.example.com", framing: { kind: "none" } } });
    }
  });

  it("says how its body is framed, and that only [T28] [H10]", () => {
    expect(judgeOne({ version: "1.1", method: "POST", url: "/", fields: [...host, "content-LENGTH", "12"] })).toMatchObject({ head: { framing: { kind: "length", bytes: 12 } } });
    expect(judgeOne({ version: "1.1", method: "POST", url: "/", fields: [...host, "Transfer-Encoding", "chunked"] })).toMatchObject({ head: { framing: { kind: "chunked" } } });
    for (const fields of [["Content-Length", "1", "Transfer-Encoding", "chunked"], ["Transfer-Encoding", ""], ["Transfer-Encoding", ",chunked"], ["Content-Length", "1", "Content-Length", "1"], ["Content-Length", ""], ["Content-Length", "1234567890123456"]]) {
      expect(judgeOne({ version: "1.1", method: "POST", url: "/", fields: [...host, ...fields] })).toMatchObject({ kind: "refused", status: 400 });
    }
  });

  it("waits for 100 Continue only where there is a body to wait for, and not in HTTP/1.0", () => {
    const expecting = [...host, "Expect", "100-Continue"];
    expect(judgeOne({ version: "1.1", method: "POST", url: "/", fields: [...expecting, "Content-Length", "1"] })).toMatchObject({ head: { expectsContinue: true } });
    expect(judgeOne({ version: "1.1", method: "GET", url: "/", fields: expecting })).toMatchObject({ head: { expectsContinue: false } });
    expect(judgeOne({ version: "1.0", method: "POST", url: "/", fields: [...expecting, "Content-Length", "1"] })).toMatchObject({ head: { expectsContinue: false } });
  });

  it("quotes no control character of the client in its refusal", () => {
    const verdict = judgeOne({ version: "1.1", method: "GET", url: "/", fields: ["Host", "a\r\nb"] });
    expect(verdict).toMatchObject({ kind: "refused" });
    expect(JSON.stringify(verdict)).not.toMatch(/\\r|\\n/);
  });
});

describe("a head of HTTP/2", () => {
  const two = { method: "GET", path: "/", authority: "web.example.com", scheme: "https", fields: [], endsStream: true };

  it("has a body unless its stream ended with it, and says so to an HTTP/1.1 member", () => {
    expect(judgeTwo(two)).toMatchObject({ head: { framing: { kind: "none" } } });
    expect(judgeTwo({ ...two, endsStream: false })).toMatchObject({ head: { framing: { kind: "chunked" } } });
    expect(judgeTwo({ ...two, endsStream: false, fields: ["content-length", "3"] })).toMatchObject({ head: { framing: { kind: "length", bytes: 3 } } });
  });

  it("may name its host in :authority or Host, or in both if they agree [T28]", () => {
    expect(judgeTwo({ ...two, authority: undefined, fields: ["host", "a"] })).toMatchObject({ head: { authority: "a" } });
    expect(judgeTwo({ ...two, fields: ["host", "WEB.example.com"] })).toMatchObject({ kind: "head" });
    expect(judgeTwo({ ...two, fields: ["host", "other"] })).toMatchObject({ kind: "refused" });
    expect(judgeTwo({ ...two, authority: undefined })).toMatchObject({ kind: "refused" });
  });
});

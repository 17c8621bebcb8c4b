import { expect, it } from "vitest";
import { guardRequest } from "./guard.ts";

const origin = "https://console.example";
const options = { origins: [origin] };

function post(body: string | null, headers: Record<string, string> = {}): Request {
  return new Request(`${origin}/api/trpc/site.create`, { method: "POST", body, headers: { origin, "content-type": "application/json", ...headers } });
}

async function codeOf(request: Request): Promise<string> {
  return guardRequest(request, options).then(() => "passed", (error: unknown) => (error as { code: string }).code);
}

it("passes JSON from the console's own page, body unchanged [T32]", async () => {
  const passed = await guardRequest(post('{"name":"Zürich"}'), options);
  expect(await passed.text()).toBe('{"name":"Zürich"}');
});

it("refuses a foreign, null or missing Origin on a change [T32]", async () => {
  expect(await codeOf(post("{}", { origin: "https://evil.example" }))).toBe("not-allowed");
  expect(await codeOf(post("{}", { origin: "null" }))).toBe("not-allowed");
  expect(await codeOf(post("{}", { origin: `${origin}.evil.example` }))).toBe("not-allowed");
  expect(await codeOf(new Request(`${origin}/x`, { method: "POST", body: "{}", headers: { "content-type": "application/json" } }))).toBe("not-allowed");
  expect(await codeOf(post("{}", { "sec-fetch-site": "cross-site" }))).toBe("not-allowed");
});

it("refuses a read that another site's page started [T32]", async () => {
  expect(await codeOf(new Request(`${origin}/x`, { headers: { "sec-fetch-site": "cross-site" } }))).toBe("not-allowed");
  expect(await codeOf(new Request(`${origin}/x`))).toBe("passed");
});

it("refuses bodies that are not JSON by name or content [T32]", async () => {
  expect(await codeOf(post("{}", { "content-type": "text/plain" }))).toBe("input-invalid");
  expect(await codeOf(post("{}", { "content-type": "application/x-www-form-urlencoded" }))).toBe("input-invalid");
  expect(await codeOf(post("{", {}))).toBe("input-invalid");
});

it("refuses keys that reach into prototypes, however deep [T32]", async () => {
  expect(await codeOf(post('{"a":{"__proto__":{"isAdmin":true}}}'))).toBe("input-invalid");
  expect(await codeOf(post('{"a":[{"constructor":1}]}'))).toBe("input-invalid");
});

it("refuses a body over one mebibyte, announced or not [T32]", async () => {
  expect(await codeOf(post(JSON.stringify("x".repeat(1024 * 1024))))).toBe("too-large");
  const stream = new ReadableStream({ start(controller) { for (let sent = 0; sent < 20; sent += 1) controller.enqueue(new Uint8Array(100_000)); controller.close(); } });
  expect(await codeOf(new Request(`${origin}/x`, { method: "POST", body: stream, headers: { origin, "content-type": "application/json" }, duplex: "half" } as RequestInit))).toBe("too-large");
});

it("refuses the header that once skipped middleware [T32]", async () => {
  expect(await codeOf(post("{}", { "x-middleware-subrequest": "middleware:middleware" }))).toBe("not-allowed");
});

it("asks no Origin of a request that proves itself with a key [T32]", async () => {
  expect(await codeOf(new Request(`${origin}/x`, { method: "POST", body: "{}", headers: { authorization: "Bearer spk_x", "content-type": "application/json" } }))).toBe("passed");
});

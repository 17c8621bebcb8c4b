/** Headers of every page: the policy with its nonce, and that nothing depends on them having been set. */
import "../support/with-database.ts";
import { NextRequest } from "next/server";
import { expect, it } from "vitest";
import { config, proxy } from "../../proxy.ts";

const page = (headers: Record<string, string> = {}) => proxy(new NextRequest("http://localhost:3000/sites", { headers }));
const nonceOf = (policy: string | null) => /'nonce-([^']+)'/.exec(policy ?? "")?.[1];

it("gives each page a nonce of its own, and allows no inline or foreign script [T35]", () => {
  const [first, second] = [page(), page()];
  const policy = first.headers.get("content-security-policy") ?? "";
  expect(nonceOf(policy)).toMatch(/^[A-Za-z0-9+/]{22}==$/);
  expect(nonceOf(policy)).not.toBe(nonceOf(second.headers.get("content-security-policy")));
  const directives = new Map(policy.split("; ").map((directive) => [directive.split(" ")[0], directive]));
  expect(directives.get("default-src")).toBe("default-src 'none'");
  expect(directives.get("script-src")).not.toMatch(/unsafe|https?:|\*/);
  expect(directives.get("frame-ancestors")).toBe("frame-ancestors 'none'");
  expect(first.headers.get("x-content-type-options")).toBe("nosniff");
  expect(first.headers.has("strict-transport-security")).toBe(false);
});

it("hands the page the nonce it made, not one that the client sent [T35]", () => {
  const response = page({ "x-nonce": "mine", "content-security-policy": "default-src *" });
  expect(response.headers.get("x-middleware-request-x-nonce")).toBe(nonceOf(response.headers.get("content-security-policy")));
  expect(response.headers.get("x-middleware-request-content-security-policy")).toBe(response.headers.get("content-security-policy"));
});

it("decides nothing: no page is refused or sent elsewhere by it [T32]", () => {
  for (const response of [page(), page({ "x-middleware-subrequest": "proxy:proxy:proxy" }), page({ cookie: "sallyport.session_token=forged" })]) {
    expect(response.status).toBe(200);
    expect(response.headers.get("x-middleware-next")).toBe("1");
  }
  expect(config.matcher).toHaveLength(1);
});

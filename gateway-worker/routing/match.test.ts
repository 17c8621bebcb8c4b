import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { SnapshotServer } from "../../contract/snapshot.ts";
import { readConnectHead } from "../stream/connect-head.ts";
import { agentSiteOf, buildRouteTable, matchDirect, matchTarget } from "./match.ts";

type Vector = { id: string; request: string; expect: string; note: string };
const vectors = (JSON.parse(readFileSync(new URL("../../tests/fixtures/connect-target-vectors.json", import.meta.url), "utf8")) as { http1: Vector[] }).http1;

function server(id: number, names: string[], ports: number[], isAgentSite = false): SnapshotServer {
  return { id: `00000000-0000-4000-8000-00000000000${id}`, name: `server ${id}`, kind: "management", isAgentSite, names, ports, addresses: [] };
}
const table = buildRouteTable([server(1, ["app.internal"], [443]), server(2, ["db.internal"], [5432]), server(3, ["192.0.2.10"], [8443]), server(4, ["2001:db8::10"], [443]), server(5, ["site.internal"], [4726], true)]);

/** Status of a request head as the gateway would decide it: 200 for a tunnel. */
function outcome(request: string): { status: number; host?: string; rest?: string } {
  const bytes = Buffer.from(request, "utf8");
  const head = readConnectHead(bytes);
  if (head.kind === "incomplete") return { status: 0 };
  if (head.kind === "refused") return { status: { "request-malformed": 400, "request-method": 403, "request-head-too-large": 431 }[head.code] };
  const match = matchTarget(table, head.target, false);
  if (match.kind === "refused") return { status: match.code === "target-malformed" ? 400 : 403 };
  return { status: 200, host: `${match.route.host}:${match.route.port}`, rest: bytes.subarray(head.headLength).toString("latin1") };
}

const accepted: Record<string, number[]> = {
  tunnel: [200],
  "tunnel-or-403": [200, 403],
  "tunnel-or-400": [200, 400],
  "tunnel-without-body-or-400": [200, 400],
  "tunnel-to-authority-or-400": [200, 400],
  "refuse-400": [400],
  "refuse-403": [403],
  "refuse-4xx": [400, 403, 404, 405],
};

describe("CONNECT target vectors", () => {
  it.each(vectors.map((vector) => [vector.id, vector] as const))("decides %s exactly as the vector says [T01] [T03] [S1-07]", (id, vector) => {
    const result = outcome(vector.request);
    // An 8 kB host is malformed, and may also be refused for its size.
    expect(id === "8k-host" ? [...(accepted[vector.expect] ?? []), 431] : accepted[vector.expect]).toContain(result.status);
    if (vector.expect === "tunnel-to-authority-or-400" && result.status === 200) expect(result.host).toBe("app.internal:443");
  });

  it("treats every byte after the head as tunnel data, a Content-Length notwithstanding [T03]", () => {
    expect(outcome("CONNECT app.internal:443 HTTP/1.1\r\nContent-Length: 2\r\nHost: x\r\n\r\nhello").rest).toBe("hello");
  });

  it.each(["Proxy-Authorization : Bearer SECRET", "Proxy-Authorization: Bearer\r\n SECRET", "Proxy-Authorization Bearer SECRET", "Proxy-Authorization: Bearer SECRET\u0001", "Proxy-Authorization: Bearer \r\n\tSECRET:x"])("never repeats what a malformed field holds: %j [T40]", (field) => {
    const head = readConnectHead(Buffer.from(`CONNECT app.internal:443 HTTP/1.1\r\nHost: x\r\n${field}\r\n\r\n`, "latin1"));
    expect(head).toMatchObject({ kind: "refused", code: "request-malformed" });
    expect(JSON.stringify(head)).not.toContain("SECRET");
  });

  it("compares parsed IPv6 addresses and ignores case and one trailing dot [T01]", () => {
    expect(outcome("CONNECT [2001:0DB8::0010]:443 HTTP/1.1\r\nHost: x\r\n\r\n").status).toBe(200);
    expect(outcome("CONNECT App.Internal.:443 HTTP/1.1\r\nHost: x\r\n\r\n").status).toBe(200);
    expect(outcome("CONNECT app.internal..:443 HTTP/1.1\r\nHost: x\r\n\r\n").status).toBe(400);
  });
});

describe("CONNECT head", () => {
  it("refuses too many fields and a head without end at the bound [T04]", () => {
    expect(outcome(`CONNECT app.internal:443 HTTP/1.1\r\n${"a: b\r\n".repeat(65)}Host: x\r\n\r\n`).status).toBe(431);
    expect(outcome(`CONNECT app.internal:443 HTTP/1.1\r\nHost: x\r\na: ${"b".repeat(17_000)}`).status).toBe(431);
  });

  it("refuses what is not strict HTTP/1.1: bare line feeds, folded lines, spaces before colons, doubled or missing Host [T03]", () => {
    for (const request of [
      "CONNECT app.internal:443 HTTP/1.1\nHost: x\n\n",
      "CONNECT app.internal:443 HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
      "CONNECT app.internal:443 HTTP/1.1\r\nHost : x\r\n\r\n",
      "CONNECT app.internal:443 HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
      "CONNECT app.internal:443 HTTP/1.1\r\n\r\n",
      "CONNECT  app.internal:443 HTTP/1.1\r\nHost: x\r\n\r\n",
      "CONNECT app.internal:443 HTTP/2.0\r\nHost: x\r\n\r\n",
      "CONNECT app.internal:443 HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n",
      "\x16\x03\x01\x02\x00",
    ]) expect(outcome(request).status).toBe(400);
  });
});

describe("direct listeners and bundles", () => {
  it("lets an enrolment bundle reach the agent site and nothing else", () => {
    expect(matchTarget(table, "site.internal:4726", true).kind).toBe("route");
    expect(matchTarget(table, "app.internal:443", true)).toMatchObject({ kind: "refused", code: "target-not-for-bundle" });
  });

  it("routes a direct listener to its one server and port", () => {
    expect(matchDirect(table, "00000000-0000-4000-8000-000000000001", 443, false)).toMatchObject({ kind: "route", route: { host: "app.internal", port: 443 } });
    expect(matchDirect(table, "00000000-0000-4000-8000-000000000001", 444, false)).toMatchObject({ code: "target-port" });
    expect(matchDirect(table, "00000000-0000-4000-8000-000000000009", 443, false)).toMatchObject({ code: "target-host" });
  });
});

describe("the agent site by server name", () => {
  it("is found by any spelling of its names, and no other server is", () => {
    expect(["site.internal", "SITE.internal."].map((name) => agentSiteOf(table, name))).toEqual(Array.from({ length: 2 }, () => ({ kind: "route", route: { server: expect.objectContaining({ isAgentSite: true }), host: "site.internal", port: 4726 } })));
    for (const name of ["app.internal", "site.internal.example", "192.0.2.10", "", "127.1"]) expect(agentSiteOf(table, name)).toBeUndefined();
  });

  it("is what a client without a server name means, where the agent site is known by an address", () => {
    expect(agentSiteOf(table, null)).toBeUndefined();
    const byAddress = buildRouteTable([server(1, ["192.0.2.9"], [443]), server(2, ["site.internal", "192.0.2.10"], [4726], true)]);
    expect(agentSiteOf(byAddress, null)).toMatchObject({ route: { host: "192.0.2.10", port: 4726 } });
  });
});

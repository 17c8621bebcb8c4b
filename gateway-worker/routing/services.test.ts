/** Which service a server name means, and which services cannot share an address and port. */
import { describe, expect, it } from "vitest";
import { proxyProtocolAccept } from "../../contract/virtual-service.ts";
import { serviceOf } from "../../tests/support/pools.ts";
import { buildFronts, frontKey, frontProblems, matchService } from "./services.ts";

const listener = { address: "::", port: 8443 };
function problemsOf(...virtualServices: ReturnType<typeof serviceOf>[]): string[] {
  return frontProblems({ virtualServices, listeners: [listener] as never }).map(({ index, field, code }) => `${index} ${field} ${code}`);
}

describe("matching a server name", () => {
  const exact = serviceOf({ name: "exact", serverNames: ["mail.example.com"] });
  const wildcard = serviceOf({ name: "wildcard", serverNames: ["*.example.com"] });
  const rest = serviceOf({ name: "rest", serverNames: ["rest.example.org"], takesUnknownNames: true });
  const noName = serviceOf({ name: "no name", serverNames: ["none.example.org"], takesNoName: true });
  const fronts = buildFronts([wildcard, exact, rest, noName]);
  const front = fronts.get(frontKey(exact));

  it.each([
    ["mail.example.com", "exact"],
    ["other.example.com", "wildcard"],
    ["a.b.example.com", "rest"],
    ["example.com", "rest"],
    ["10.0.0.1", "rest"],
    ["__proto__", "rest"],
    ["constructor", "rest"],
    [".example.com", "rest"],
    [null, "no name"],
  ])("sends a client that asks for %s to the service %s [T29]", (name, wanted) => {
    const match = front && matchService(front, name);
    expect(match?.kind === "service" ? match.service.name : match).toBe(wanted);
  });

  it("refuses names that no service takes, with the code that says which case it is [T29]", () => {
    const [strict] = buildFronts([exact]).values();
    for (const name of ["other.example.com", "127.0.0.1", "169.254.169.254", "localhost", "::1", "__proto__"]) {
      expect(strict && matchService(strict, name)).toMatchObject({ kind: "refused", code: "server-name-unknown" });
    }
    expect(strict && matchService(strict, null)).toMatchObject({ kind: "refused", code: "server-name-missing" });
  });

  it("sends everything to a service without server names, and to one without TLS", () => {
    for (const only of [serviceOf({ serverNames: [] }), serviceOf({ mode: "tcp", serverNames: ["a.example.com"] })]) {
      const [lone] = buildFronts([only]).values();
      for (const name of [null, "any.example.com"]) expect(lone && matchService(lone, name)).toMatchObject({ kind: "service", service: only });
    }
  });

  it("leaves out services that are switched off, and writes equal addresses alike", () => {
    expect(buildFronts([serviceOf({ isEnabled: false })]).size).toBe(0);
    expect(frontKey({ address: "0:0:0:0:0:0:0:0", port: 443 })).toBe(frontKey({ address: "::", port: 443 }));
  });
});

describe("sharing an address and port", () => {
  it("lets services share it whose names tell them apart", () => {
    expect(problemsOf(serviceOf({ serverNames: ["a.example.com"] }), serviceOf({ serverNames: ["*.example.com"], takesNoName: true }), serviceOf({ serverNames: ["b.example.org"], takesUnknownNames: true }))).toEqual([]);
    expect(problemsOf(serviceOf({ serverNames: [], address: "192.0.2.1" }), serviceOf({ serverNames: [], address: "192.0.2.2" }))).toEqual([]);
  });

  it("reports each claim that two services make to the same clients", () => {
    expect(problemsOf(serviceOf({ serverNames: ["a.example.com", "b.example.com"] }), serviceOf({ serverNames: ["b.example.com"] }))).toEqual(["1 serverNames service-name-taken"]);
    expect(problemsOf(serviceOf({ serverNames: [] }), serviceOf({ serverNames: ["a.example.com"], takesNoName: true, takesUnknownNames: true }))).toEqual(["1 takesNoName service-name-taken", "1 takesUnknownNames service-name-taken"]);
    expect(problemsOf(serviceOf({ mode: "tcp" }), serviceOf({ serverNames: ["a.example.com"] }))).toEqual(["1 port service-name-taken"]);
    expect(problemsOf(serviceOf({ serverNames: ["a.example.com"], isEnabled: false }), serviceOf({ serverNames: ["a.example.com"] }))).toEqual([]);
  });

  it("keeps services off the tunnel listeners' ports", () => {
    expect(problemsOf(serviceOf({ port: 8443 }))).toEqual(["0 port listener-taken"]);
  });

  it("demands one way of accepting PROXY protocol per port, because the header comes first [T26]", () => {
    const acceptProxy = proxyProtocolAccept.parse({ kind: "required", sources: ["192.0.2.0/24"] });
    expect(problemsOf(serviceOf({ serverNames: ["a.example.com"] }), serviceOf({ serverNames: ["b.example.com"], acceptProxy }))).toEqual(["1 acceptProxy service-proxy-differs"]);
  });
});

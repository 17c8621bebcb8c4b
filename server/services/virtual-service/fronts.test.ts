import { describe, expect, it } from "vitest";
import { clashWithListener, clashWithService, compareAddresses, type FrontService } from "./fronts.ts";

const at = (address: string, port = 443) => ({ address, port });
const service = (more: Partial<FrontService> = {}): FrontService => ({ id: "1", name: "Mail", address: "::", port: 443, mode: "tls-passthrough", serverNames: ["mail.example.com"], takesNoName: false, takesUnknownNames: false, acceptProxy: { kind: "off" }, ...more });
const codeOf = (mine: Partial<FrontService>, other: Partial<FrontService>) => clashWithService(service(mine), service({ id: "2", name: "Other", serverNames: ["other.example.com"], ...other }))?.code;

describe("addresses on one gateway", () => {
  it.each([
    ["::", "::", "same"], ["::", "0:0:0:0:0:0:0:0", "same"], ["::", "0.0.0.0", "overlaps"], ["::", "10.0.0.5", "overlaps"], ["::", "2001:db8::5", "overlaps"], ["0.0.0.0", "10.0.0.5", "overlaps"], ["0.0.0.0", "2001:db8::5", "apart"],
    ["10.0.0.5", "10.0.0.6", "apart"], ["2001:db8::5", "2001:DB8:0::5", "same"], ["::ffff:10.0.0.5", "10.0.0.5", "same"], ["10.0.0.5", "2001:db8::5", "apart"], ["0.0.0.0", "::ffff:10.0.0.5", "overlaps"],
  ] as const)("%s and %s are %s on one port, whichever comes first, and apart on two", (left, right, expected) => {
    expect([compareAddresses(at(left), at(right)), compareAddresses(at(right), at(left)), compareAddresses(at(left), at(right, 444))]).toEqual([expected, expected, "apart"]);
  });
});

describe("clients of one address and port", () => {
  it("go to services that their names tell apart, a wildcard beside an exact name, and one for all others [S3-48]", () => {
    expect([codeOf({}, {}), codeOf({ serverNames: ["*.example.com"] }, {}), codeOf({ serverNames: [] }, {}), codeOf({ takesUnknownNames: true, takesNoName: true }, {})]).toEqual([undefined, undefined, undefined, undefined]);
  });

  it("belong to one service: no name, wildcard or rest is taken twice", () => {
    expect(codeOf({ serverNames: ["other.example.com"] }, {})).toBe("service-name-taken");
    expect(codeOf({ serverNames: ["*.example.com"] }, { serverNames: ["*.example.com"] })).toBe("service-name-taken");
    expect(codeOf({ serverNames: [] }, { serverNames: [] })).toBe("service-name-taken");
    expect(codeOf({ serverNames: [] }, { takesUnknownNames: true })).toBe("service-name-taken");
    expect(codeOf({ takesNoName: true }, { serverNames: [] })).toBe("service-name-taken");
    expect(codeOf({ takesNoName: true }, { takesNoName: true })).toBe("service-name-taken");
    expect(codeOf({ takesUnknownNames: true }, { takesUnknownNames: true })).toBe("service-name-taken");
    expect(codeOf({ takesNoName: true }, { takesUnknownNames: true })).toBeUndefined();
  });

  it("are not split where names cannot be read, addresses overlap or PROXY protocol differs", () => {
    expect(codeOf({ mode: "tcp", serverNames: [] }, {})).toBe("listener-taken");
    expect(codeOf({}, { mode: "tcp", serverNames: [] })).toBe("listener-taken");
    expect(codeOf({ address: "10.0.0.5" }, {})).toBe("listener-taken");
    expect(codeOf({ acceptProxy: { kind: "required", sources: ["10.0.0.0/8"] } }, {})).toBe("input-invalid");
    expect(codeOf({ acceptProxy: { kind: "required", sources: ["10.0.0.0/8", "fd00::/8"] } }, { acceptProxy: { kind: "required", sources: ["fd00::/8", "10.0.0.0/8"] } })).toBeUndefined();
  });

  it("do not share a tunnel listener's place", () => {
    expect(clashWithListener(service(), at("::"))).toMatchObject({ code: "listener-taken", field: "port" });
    expect(clashWithListener(service({ address: "10.0.0.5" }), at("::"))).toMatchObject({ code: "listener-taken" });
    expect(clashWithListener(service({ port: 8443 }), at("::"))).toBeUndefined();
    expect(clashWithListener(service({ address: "10.0.0.5" }), at("10.0.0.6"))).toBeUndefined();
  });
});

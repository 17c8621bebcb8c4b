import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalHost, cidr, displayName, formatIdentity, fqdn, host, hostName, type Identity, identityFromSubjectAltName, isFqdn, isHostName, isIpv4, parseCidr, parseIdentity, parseIpv6, port } from "./names.ts";

const octet = fc.integer({ min: 0, max: 255 });
const ipv4 = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join("."));
const groups = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 });
const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/);
const name = fc.tuple(fc.array(label, { minLength: 1, maxLength: 4 }), fc.stringMatching(/^[a-z][a-z0-9]{0,10}$/)).map(([labels, last]) => [...labels, last].join("."));
const uuid = fc.uuid();
const identity: fc.Arbitrary<Identity> = fc.record({
  trustDomain: fc.constantFrom("sallyport.internal", "example.com"),
  organisationId: uuid,
  kind: fc.constantFrom("agent" as const, "gateway" as const, "bundle" as const, "probe" as const, "console" as const, "server" as const),
  id: uuid,
});

describe("host names", () => {
  it.each(["localhost", "gw.example.com", "a", "xn--bcher-kva.example", "1.example", "a-b.c3", `${"a".repeat(63)}.example`])("accept %s", (text) => {
    expect(isHostName(text)).toBe(true);
  });

  it.each(["", ".", "a..b", "-a.example", "a-.example", "a_b.example", "exämple.com", "10.1.2.3", "1.2", "127.0x1", "0x7f000001", "2130706433", `${"a".repeat(64)}.example`, `${"a.".repeat(127)}ab`, "a b", "a\n", "a\0.example", "a%00b"])(
    "refuse %j, which could be read as something else",
    (text) => {
      expect(isHostName(text)).toBe(false);
    },
  );

  it("are stored lower-case, without the dot at the end", () => {
    expect(hostName.parse(" GW.Example.COM. ")).toBe("gw.example.com");
  });

  it("of gateways are fully qualified, and the sentence says what is wrong and shows an example [S1-51]", () => {
    expect(fqdn.parse("gw.example.com")).toBe("gw.example.com");
    expect(isFqdn("gateway")).toBe(false);
    expect(fqdn.safeParse("gateway").error?.issues[0]?.message).toContain("gw.example.com");
  });
});

describe("canonical hosts", () => {
  it("keep every dotted quad", () => {
    fc.assert(fc.property(ipv4, (text) => canonicalHost(text) === text && isIpv4(text)));
  });

  it("are the same for every spelling of a name", () => {
    fc.assert(fc.property(name, (text) => canonicalHost(text) === canonicalHost(text.toUpperCase()) && canonicalHost(`${text}.`) === canonicalHost(text)));
  });

  it("do not change when taken twice", () => {
    fc.assert(
      fc.property(fc.oneof(name, ipv4, groups.map((parts) => parts.map((part) => part.toString(16)).join(":")), fc.string()), (text) => {
        const once = canonicalHost(text);
        return once === undefined || canonicalHost(once) === once;
      }),
    );
  });

  it("read an IPv6 address in every legal spelling (RFC 4291 section 2.2)", () => {
    fc.assert(
      fc.property(groups, fc.boolean(), (parts, upper) => {
        const plain = parts.map((part) => part.toString(16)).join(":");
        const padded = parts.map((part) => part.toString(16).padStart(4, "0")).join(":");
        return canonicalHost(upper ? plain.toUpperCase() : plain) === plain && canonicalHost(padded) === plain && canonicalHost(`[${plain}]`) === plain;
      }),
    );
  });

  it.each([
    ["::", [0, 0, 0, 0, 0, 0, 0, 0]],
    ["::1", [0, 0, 0, 0, 0, 0, 0, 1]],
    ["2001:db8::", [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0]],
    ["::ffff:10.1.2.3", [0, 0, 0, 0, 0, 0xffff, 0x0a01, 0x0203]],
    ["1:2:3:4:5:6:7::", [1, 2, 3, 4, 5, 6, 7, 0]],
  ])("expand %s", (text, expected) => {
    expect(parseIpv6(text)).toEqual(expected);
  });

  it.each(["127.1", "0177.0.0.1", "0x7f000001", "2130706433", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "[10.1.2.3]", "[gw.example.com]", "fe80::1%eth0", "1::2::3", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", ":::", "12345::", "user@host", "host:443", "host/path", ""])(
    "refuse %j [T01]",
    (text) => {
      expect(canonicalHost(text)).toBeUndefined();
    },
  );

  it("are what a host field stores", () => {
    expect(host.parse("[2001:DB8::10]")).toBe("2001:db8:0:0:0:0:0:10");
    expect(host.safeParse("srv_1").success).toBe(false);
  });
});

describe("ports", () => {
  it.each([1, 443, 4726, 65_535])("accept %d", (value) => {
    expect(port.parse(value)).toBe(value);
  });

  it.each([0, -1, 65_536, 65_979, 1.5, "443", Number.NaN])("refuse %j and say the range", (value) => {
    const parsed = port.safeParse(value);
    expect(parsed.success).toBe(false);
    expect(parsed.error?.issues[0]?.message).toContain("65535");
  });
});

describe("subnets", () => {
  it.each(["10.0.0.0/8", "0.0.0.0/0", "10.20.30.40/32", "2001:db8::/32", "::/0"])("accept %s", (text) => {
    expect(cidr.safeParse(text).success).toBe(true);
  });

  it.each(["10.0.0.0", "10.1.2.3/8", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/-1", "2001:db8::1/32", "::/129", "/8", "10.0.0.0/8/8"])("refuse %s", (text) => {
    expect(cidr.safeParse(text).success).toBe(false);
  });

  it("have zero host bits, whatever the prefix", () => {
    fc.assert(
      fc.property(ipv4, fc.integer({ min: 0, max: 32 }), (text, prefix) => {
        const parsed = parseCidr(`${text}/${prefix}`);
        const value = text.split(".").reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
        const isNetwork = (value & ((1n << BigInt(32 - prefix)) - 1n)) === 0n;
        return isNetwork ? parsed?.bits === value : parsed === undefined;
      }),
    );
  });
});

describe("display names", () => {
  it.each(["", "   ", "a\u0000b", "a\nb", "a\u202eb", "x".repeat(81)])("refuse %j", (text) => {
    expect(displayName.safeParse(text).success).toBe(false);
  });

  it("keep what people write, without the spaces around it", () => {
    expect(displayName.parse("  Zürich – DMZ #1 ")).toBe("Zürich – DMZ #1");
  });
});

describe("identities", () => {
  it("survive being written and read", () => {
    fc.assert(
      fc.property(identity, (given) => {
        expect(parseIdentity(formatIdentity(given))).toEqual(given);
      }),
    );
  });

  it("are read from a certificate's names only when there is exactly one [T15]", () => {
    fc.assert(
      fc.property(identity, identity, (one, other) => {
        expect(identityFromSubjectAltName(`DNS:agent.example, URI:${formatIdentity(one)}`)).toEqual(one);
        expect(identityFromSubjectAltName(`URI:${formatIdentity(one)}, URI:${formatIdentity(other)}`)).toBeUndefined();
      }),
    );
  });

  const sample = "spiffe://sallyport.internal/org/11111111-1111-4111-8111-111111111111/agent/22222222-2222-4222-8222-222222222222";
  it.each([
    `${sample}/`,
    `${sample}x`,
    ` ${sample}`,
    `${sample}\n`,
    sample.replace("spiffe:", "SPIFFE:"),
    sample.replace("/agent/", "/administrator/"),
    sample.replace("/agent/", "/../agent/"),
    sample.replace("/org/", "/org//"),
    sample.replaceAll("1", "1".toUpperCase()).replace("22222222-", "2222222-"),
    sample.toUpperCase(),
  ])("refuse the look-alike %j [T15]", (text) => {
    expect(parseIdentity(text)).toBeUndefined();
  });

  it("do not come from a host name, however it is written [T15]", () => {
    expect(identityFromSubjectAltName(`DNS:"URI:${sample}"`)).toBeUndefined();
    expect(identityFromSubjectAltName(undefined)).toBeUndefined();
  });
});

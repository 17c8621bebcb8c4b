import "reflect-metadata";
import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { TestCa } from "../../../tests/support/pki.ts";
import { commonNamesOf, coversName, wildcardFor } from "./name-match.ts";

const names = ["keys.example.com", "KEYS.Example.COM", "pgp01.example.com", "a.b.example.com", "example.com", "example.org", "localhost", "keys.example.com.evil.org", "xn--bcher-kva.example.com", "-.example.com"];
const patterns = ["keys.example.com", "Keys.EXAMPLE.com", "*.example.com", "*.com", "*", "*.*.example.com", "a.*.example.com", "*.b.example.com", "*.localhost", "**.example.com", "*.example.com.evil.org"];

describe("names that a certificate covers", () => {
  it("agrees with OpenSSL's own check for every pattern, in the alternative name and as the only common name [S3-47] [S3-51] [S3-52]", async () => {
    const ca = await TestCa.root();
    for (const pattern of patterns) {
      for (const form of ["san", "common-name", "both"] as const) {
        const issued = await ca.issue({ commonName: form === "san" ? "something else" : pattern, dns: form === "san" ? ["other.test", pattern] : form === "both" ? ["other.test"] : [], usage: ["server"] });
        const certificate = new X509Certificate(issued.certPem);
        const facts = { names: form === "san" ? ["other.test", pattern] : form === "both" ? ["other.test"] : [], commonNames: commonNamesOf(certificate.subject) };
        const ours = names.map((name) => `${name} ${coversName(facts, name)}`);
        const openssl = names.map((name) => `${name} ${certificate.checkHost(name, { subject: "default", partialWildcards: false }) !== undefined}`);
        expect({ pattern, form, covered: ours }).toEqual({ pattern, form, covered: openssl });
      }
    }
  });

  it("covers an address only by an address in the alternative name, never by a wildcard or the common name [S3-47]", () => {
    expect(coversName({ names: ["192.0.2.7"], commonNames: [] }, "192.0.2.7")).toBe(true);
    expect(coversName({ names: ["2001:db8::7"], commonNames: [] }, "2001:db8:0:0:0:0:0:7")).toBe(true);
    expect(coversName({ names: [], commonNames: ["192.0.2.7"] }, "192.0.2.7")).toBe(false);
    expect(coversName({ names: ["*.0.2.7"], commonNames: [] }, "192.0.2.7")).toBe(false);
  });

  it("looks at the common name although the alternative name holds addresses or a URI, as OpenSSL does [S3-26]", () => {
    expect(coversName({ names: ["192.0.2.7", "spiffe://sallyport.internal/x"], commonNames: ["keys.example.com"] }, "keys.example.com")).toBe(true);
  });

  it("reads common names with a comma in them and proposes a wildcard only where one can cover [S3-51]", () => {
    expect(commonNamesOf("CN=Example\\, Inc., O=Example, CN=keys.example.com")).toEqual(["Example, Inc.", "keys.example.com"]);
    expect([wildcardFor("keys.example.com"), wildcardFor("example.com"), wildcardFor("192.0.2.7")]).toEqual(["*.example.com", undefined, undefined]);
  });
});

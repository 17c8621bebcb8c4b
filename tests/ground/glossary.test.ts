import { describe, expect, it } from "vitest";
import { readSource } from "../support/source-files.ts";

const glossary = readSource("docs/GLOSSARY.md").toLowerCase();

function missing(terms: readonly string[]): string[] {
  return terms.filter((term) => !glossary.includes(term.toLowerCase()));
}

describe("the glossary", () => {
  it("leads from the words of cloud-enabled management to ours [S0-33]", () => {
    expect(missing(["Internet Gateway", "Notification Server", "(NS)", "SMP", "Symantec Management Agent", "SMA", "CEM URL", "machine certificate", "SSL off-loading", "persistent connection"])).toEqual([]);
  });

  it("names the certificate proxy as the diagnosis does [S0-09]", () => {
    expect(missing(["certificate proxy", "`pin-mismatch`"])).toEqual([]);
  });

  it("gives the synonyms of load balancers [S2-16]", () => {
    expect(missing(["reverse SSL", "SSL bridging", "re-encrypt", "SSL acceleration", "SSL off-loading"])).toEqual([]);
  });

  it("explains arrays and pools with their members [S2-17]", () => {
    expect(missing(["CAS array", "pool", "member list"])).toEqual([]);
  });

  it("explains the stamp of an installer [S3-45]", () => {
    expect(missing(["PGPSTAMP", "every bundle shows its stamp"])).toEqual([]);
  });

  it("has every word of the design once as a heading of its own", () => {
    const words = ["organisation", "site", "server", "gateway", "agent", "agent group", "policy", "listener", "virtual service", "health check", "persistence", "trust anchor", "bundle", "gateway package", "drain", "tunnel"];
    const rows = readSource("docs/GLOSSARY.md").split("## Words of the field")[0] ?? "";
    expect(words.filter((word) => !new RegExp(`^\\| ${word}( \\||,)`, "m").test(rows))).toEqual([]);
  });
});

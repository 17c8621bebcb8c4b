/** An organisation whose CA is RSA on request: the same chain, judged by openssl, for EC and RSA keys of applicants. */
import "../support/with-database.ts";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { hasOpenssl, openssl } from "../support/openssl.ts";
import { installation } from "./support/installation.ts";

process.env["SALLYPORT_CA_KEY_TYPE"] = "rsa-2048";

describe.skipIf(!hasOpenssl)("an organisation with an RSA authority", () => {
  it("issues to EC and RSA requests what openssl accepts, and its own doors present RSA chains [T15] [T20]", async () => {
    const caller = await installation();
    const { issueFromCsr } = await import("../../server/services/certificate/issue.ts");
    const { trustAnchors } = await import("../../server/services/certificate/authority.ts");
    const { servingCertificate } = await import("../../server/services/certificate/serving.ts");
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-rsa-"));
    const { rootPem, issuingPem } = await trustAnchors(caller.db, caller.organisationId);
    fs.writeFileSync(path.join(folder, "root.pem"), rootPem);
    fs.writeFileSync(path.join(folder, "issuing.pem"), issuingPem);
    expect(openssl(folder, "x509", "-noout", "-text", "-in", "issuing.pem")).toContain("Public-Key: (2048 bit)");
    for (const [name, keyArgs] of Object.entries({ ec: ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], rsa: ["rsa:2048"] })) {
      const csrPem = openssl(folder, "req", "-new", "-newkey", ...keyArgs, "-nodes", "-keyout", `${name}.key`, "-subj", "/CN=x");
      const server = await caller.db.server.create({ data: { organisationId: caller.organisationId, name, nameKey: name, kind: "site" } });
      const issued = await caller.db.$transaction((tx) => issueFromCsr(tx, caller, { purpose: "site-server", csrPem, identity: null, names: ["srv.example", "10.9.8.7"], serverId: server.id }));
      fs.writeFileSync(path.join(folder, `${name}.pem`), issued.pem);
      expect(openssl(folder, "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "srv.example", "-CAfile", "root.pem", "-untrusted", "issuing.pem", `${name}.pem`)).toContain("OK");
    }
    const serving = await servingCertificate(caller.db, caller.organisationId, "agent-site");
    fs.writeFileSync(path.join(folder, "site.pem"), serving.chainPem);
    expect(openssl(folder, "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "root.pem", "-untrusted", "issuing.pem", "site.pem")).toContain("OK");
    fs.rmSync(folder, { recursive: true, force: true });
  });
});

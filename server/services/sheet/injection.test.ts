import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { healthCheck } from "../../../contract/health-check.ts";
import { persistence } from "../../../contract/persistence.ts";
import { memberTls } from "../../../contract/virtual-service.ts";
import { renderSheet } from "./render.ts";
import type { Sheet } from "./sheet.ts";

/** What would be a line, a word or a block of its own in one of the products, if it got out of its place. */
const hostile = [
  "a\nbackend evil\n    server x 203.0.113.9:80", "a\r\nevil on;", "}\nevil { }", "'; evil on; #", "\"; evil on; #", "\\\"; delete ltm virtual evil", "\\\\\" } create ltm virtual evil { \"", "\\", "\\'evil\\'", "' evil '", "'\\'' evil", "$(evil)", "${evil}", "`evil`", "$evil; evil", "{ evil }", "# evil", "a # evil", "%[evil]", "%%evil", "| evil | evil |", "\u2028evil\u2029", "\u0085evil", "-f /etc/evil", "a\0evil", "<b>evil</b>", "[evil]", "; evil", "}", "--", "!",
];

function sheetOf(text: string): Sheet {
  const word = text.replace(/[^\u0021-\u007e]/g, "");
  const cookie = `c${text.replace(/[^!#$%&'*+\-.^_`|~0-9A-Za-z]/g, "")}`;
  return {
    kind: "service", name: `s ${text}`, address: "192.0.2.1", port: 8443, serverNames: ["keys.example.com"], takesNoName: false, takesUnknownNames: false, mode: "tls-offload", protocol: "http", stampName: null, scheduling: "weighted-round-robin", failsBack: true,
    members: [{ name: `s ${text}`, host: "192.0.2.7", port: 80, weight: 1, maxConnections: null, state: "enabled" }],
    healthCheck: healthCheck.parse({ kind: "http", path: `/${word}`, bodyContains: text }),
    persistence: persistence.parse({ kind: "cookie-insert", cookieName: cookie, endsWithCookie: cookie, exceptions: [{ name: text, match: { pathPrefix: `/${text}`, userAgentContains: text } }] }),
    memberTls: memberTls.parse({}), memberHost: { kind: "client" }, forwardedHeaders: "both", clientCertificate: "none", acceptsProxy: false, sendProxy: "off", connectTimeoutMs: 5_000, idleTimeoutMs: 60_000, certificates: [text], resolvesTo: null,
  };
}

/** Words outside of quotes and comments, by the quoting rules of the product; `undefined` when a quote is left open. */
function bareWords(text: string, format: "haproxy" | "nginx" | "f5"): string | undefined {
  let bare = "";
  let quote = "";
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index] ?? "";
    if (character === "\\" && quote !== "'") index += 1;
    else if (quote !== "") quote = character === quote ? "" : quote;
    else if (character === '"' || character === "'") quote = character;
    else if (character === "#") index = text.indexOf("\n", index) - 1;
    else bare += character;
    if (character === "\n" && quote !== "" && format !== "nginx") return undefined;
  }
  return quote === "" ? bare : undefined;
}

describe("settings sheets of hostile names and texts", () => {
  it.each(["haproxy", "nginx", "f5"] as const)("%s: text of a person stays inside its quotes, its comment or its identifier [T28] [S2-18]", (format) => {
    const usual = renderSheet(sheetOf("usual"), format).text.split("\n");
    for (const text of hostile) {
      const rendered = renderSheet(sheetOf(text), format);
      expect([text, rendered.text.split("\n").length]).toEqual([text, usual.length]);
      const bare = bareWords(rendered.text, format);
      expect([text, bare === undefined]).toEqual([text, false]);
      // The identifiers, made of letters, digits, "-" and "_" only, begin with what the name begins with.
      expect([text, /(?:^|[\s;{}"'])evil(?:[\s;{}"']|$)/m.test(bare ?? "")]).toEqual([text, false]);
      expect(rendered.fileName).toMatch(/^[a-z0-9_-]+\.[a-z.]+$/);
    }
  });

  it("neutral: text of a person makes no row, column or tag of its own", () => {
    const usual = renderSheet(sheetOf("usual"), "neutral").text.split("\n").map((line) => line.replaceAll("\\|", "").split("|").length);
    for (const text of hostile) {
      const rendered = renderSheet(sheetOf(text), "neutral").text;
      expect([text, rendered.split("\n").map((line) => line.replaceAll("\\|", "").split("|").length)]).toEqual([text, usual]);
      expect([text, /(?<!\\)<b>/.test(rendered)]).toEqual([text, false]);
    }
  });

  it.skipIf(spawnSync("haproxy", ["-v"]).error !== undefined || spawnSync("openssl", ["version"]).error !== undefined)("HAProxy reads the sheet of every hostile text as the same sections (needs haproxy and openssl) [T28] [S2-18]", () => {
    const directory = mkdtempSync(path.join(os.tmpdir(), "sallyport-injection-"));
    try {
      spawnSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-keyout", `${directory}/all.pem`, "-out", `${directory}/cert.pem`]);
      spawnSync("sh", ["-c", `cat ${directory}/cert.pem >> ${directory}/all.pem`]);
      const refused: string[] = [];
      for (const text of hostile) {
        const file = path.join(directory, "haproxy.cfg");
        writeFileSync(file, renderSheet(sheetOf(text), "haproxy").text.replaceAll(/\/etc\/haproxy\/certs\/[\w-]+\.pem/g, `${directory}/all.pem`));
        const { status, stderr } = spawnSync("haproxy", ["-c", "-f", file], { encoding: "utf8" });
        if (status !== 0) refused.push(`${JSON.stringify(text)}: ${stderr.slice(0, 400)}`);
      }
      expect(refused).toEqual([]);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }, 60_000);
});

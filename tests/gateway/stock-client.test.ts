/** Any HTTP proxy client works unchanged: stock curl, with no agent at all, end to end TLS inside the outer one. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import https from "node:https";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { GatewayBench, runtimes, serverAt } from "../support/gateway-bench.ts";
import { TestCa } from "../support/pki.ts";
import { until } from "../support/sockets.ts";

const run = promisify(execFile);
const hasCurl = await run("curl", ["--version"]).then((result) => /HTTPS-proxy/.test(result.stdout), () => false);

describe.each(runtimes)("curl through an engine on %s", (runtime) => {
  it.skipIf(!hasCurl)("reaches an assigned server over CONNECT with its certificate, and is told why not without [S0-18] [S0-19] [S0-23]", async () => {
    const inner = await TestCa.root({ commonName: "inner" });
    const site = await inner.issue({ dns: ["app.internal"], usage: ["server"] });
    const server = https.createServer({ cert: site.chainPem, key: site.keyPem }, (_request, response) => void response.end("healthy"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const bench = await GatewayBench.start({ runtime }, [serverAt(port)]);
    const folder = mkdtempSync(path.join(os.tmpdir(), "sallyport-curl-"));
    try {
      const agent = await bench.agent();
      const file = (name: string, text: string): string => {
        writeFileSync(path.join(folder, name), text, { mode: 0o600 });
        return path.join(folder, name);
      };
      const trust = ["--proxy-cacert", file("gateway.pem", bench.listenerCertificate.certPem), "--cacert", file("inner.pem", inner.certPem)];
      const common = ["-sS", "--max-time", "10", "--proxy", `https://localhost:${bench.listener.port}`, ...trust];
      const url = `https://app.internal:${port}/healthz`;
      const admitted = await run("curl", [...common, "--proxy-cert", file("agent.pem", agent.chainPem), "--proxy-key", file("agent.key", agent.keyPem), url]);
      expect(admitted.stdout).toBe("healthy");
      const refused = await run("curl", [...common, url]).catch((error: unknown) => String((error as { stderr?: string }).stderr));
      expect(refused).toContain("403");
      await until(() => bench.refusals.some((refusal) => refusal.code === "certificate-missing"), "the refusal is reported");
    } finally {
      await bench.close();
      server.close().closeAllConnections();
      rmSync(folder, { recursive: true });
    }
  });
});

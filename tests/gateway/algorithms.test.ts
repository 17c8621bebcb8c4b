/** A gateway restricted to algorithms that FIPS 140-3 approves: what it still talks, and what it refuses. */
import type tls from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GatewayBench, runtimes, serverAt } from "../support/gateway-bench.ts";
import type { TestAgent } from "../support/gateway-bench.ts";
import { echoServer } from "../support/sockets.ts";
import type { CountingServer } from "../support/sockets.ts";

describe.each(runtimes)("algorithms of an engine on %s", (runtime) => {
  let bench: GatewayBench;
  let echo: CountingServer;
  let agent: TestAgent;
  let target: string;
  beforeAll(async () => {
    echo = await echoServer();
    bench = await GatewayBench.start({ runtime, algorithms: "fips" }, [serverAt(echo.port)]);
    agent = await bench.agent();
    target = `app.internal:${echo.port}`;
  });
  afterAll(async () => {
    await bench.close();
    await echo.close();
  });

  /** The status of a CONNECT with these TLS options and the cipher agreed on; status 0 when the handshake failed. */
  async function outcome(options: tls.ConnectionOptions): Promise<{ status: number; cipher: string }> {
    try {
      const { status, socket } = await bench.connect(agent, target, options);
      const cipher = socket.getCipher().name;
      socket.destroy();
      return { status, cipher };
    } catch {
      return { status: 0, cipher: "" };
    }
  }

  async function restricted(algorithms: "standard" | "fips"): Promise<void> {
    bench.listener.algorithms = algorithms;
    await bench.applied();
  }

  it("carries tunnels over AES-GCM with P-256 and P-384, in TLS 1.2 and 1.3 [S1-28]", async () => {
    for (const ecdhCurve of ["P-256", "P-384"]) {
      for (const ciphers of ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"]) expect(await outcome({ ciphers, ecdhCurve, minVersion: "TLSv1.3" })).toEqual({ status: 200, cipher: ciphers });
    }
    // In TLS 1.2 the curve list binds the certificate as well (RFC 8422 section 5.1), and the listener's key is on P-256.
    for (const ciphers of ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"]) expect(await outcome({ ciphers, ecdhCurve: "P-384:P-256", maxVersion: "TLSv1.2" })).toEqual({ status: 200, cipher: ciphers });
    // The tunnel is answered before the back end's own accept event: the next test counts accepts from here.
    await expect.poll(() => echo.accepted).toBe(6);
  });

  it("lets no client through that offers only ChaCha20, and says which cipher it was where the runtime agrees on it first [S1-28]", async () => {
    const [from, accepted] = [bench.refusals.length, echo.accepted];
    for (const options of [{ ciphers: "TLS_CHACHA20_POLY1305_SHA256", minVersion: "TLSv1.3" }, { ciphers: "ECDHE-ECDSA-CHACHA20-POLY1305", maxVersion: "TLSv1.2" }] as const) expect([0, 403]).toContain((await outcome(options)).status);
    const refusal = await bench.refusal(runtime === "bun" ? "tls-algorithm" : "tls-handshake-failed", from);
    if (runtime === "bun") expect(refusal.detail).toContain("TLS_CHACHA20_POLY1305_SHA256");
    expect(echo.accepted).toBe(accepted);
  });

  it("agrees on no curve but P-256 and P-384, however much the client likes X25519 [S1-28]", async () => {
    for (const ecdhCurve of ["X25519", "P-521"]) expect(await outcome({ ecdhCurve, minVersion: "TLSv1.3" })).toEqual({ status: 0, cipher: "" });
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      const socket = await bench.tls(agent, { ecdhCurve: "X25519:P-521:P-384:P-256", maxVersion });
      expect(socket.getEphemeralKeyInfo()).toMatchObject({ name: expect.stringMatching(/^(prime256v1|secp384r1)$/) });
      socket.destroy();
    }
  });

  it("takes the restriction on and off while it serves, on resumed sessions too [S1-28]", async () => {
    await restricted("standard");
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const chacha: tls.ConnectionOptions = version === "TLSv1.3" ? { ciphers: "TLS_CHACHA20_POLY1305_SHA256", minVersion: version } : { ciphers: "ECDHE-ECDSA-CHACHA20-POLY1305", maxVersion: version };
      const first = await bench.tls(agent, { ...chacha, ecdhCurve: "X25519:P-256" });
      const session = new Promise<Buffer>((resolve) => first.once("session", resolve));
      const ready = version === "TLSv1.2" ? first.getSession() : undefined;
      first.write(`CONNECT ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
      await new Promise((resolve) => first.once("data", resolve));
      const kept = ready ?? (await session);
      first.destroy();
      await restricted("fips");
      expect([0, 403]).toContain((await outcome({ ...chacha, session: kept })).status);
      await restricted("standard");
      expect((await outcome({ ...chacha, ecdhCurve: "X25519:P-256" })).status).toBe(200);
    }
    await restricted("fips");
  });
});

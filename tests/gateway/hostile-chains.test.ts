/** Client chains that are made to cost much: refused in bounded time, while the engine goes on serving everybody else (T16). */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GatewayBench, runtimes, serverAt } from "../support/gateway-bench.ts";
import type { TestAgent } from "../support/gateway-bench.ts";
import { hasOpenssl, openssl } from "../support/openssl.ts";
import { echoServer, until } from "../support/sockets.ts";
import type { CountingServer } from "../support/sockets.ts";

type Client = { chainPem: string; keyPem: string };

/** What one offer may cost the engine in computing time, all its threads together, milliseconds: so it cannot hold the event loop for longer either. Unlike the loop's delay by the clock it tells nothing of a busy machine. */
const costMaxMs = 50;
const refusedWithinMs = 2_000;
const offers = 10;

/** Made once with `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:16384 -pkeyopt rsa_keygen_primes:5`, which takes minutes. It opens nothing. */
const rsa16384 = fs.readFileSync(new URL("../fixtures/rsa-16384/key.pem", import.meta.url), "utf8");

describe.skipIf(!hasOpenssl).each(runtimes)("costly chains of clients of an engine on %s (where openssl is there)", (runtime) => {
  let bench: GatewayBench;
  let echo: CountingServer;
  let agent: TestAgent;
  let folder: string;
  beforeAll(async () => {
    echo = await echoServer();
    bench = await GatewayBench.start({ runtime }, [serverAt(echo.port)]);
    agent = await bench.agent();
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-chains-"));
    write("root", bench.root.issued);
    write("issuing", bench.issuing.issued);
  });
  afterAll(async () => {
    await bench.close();
    await echo.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  function write(name: string, { certPem, keyPem }: { certPem: string; keyPem: string }): void {
    fs.writeFileSync(path.join(folder, `${name}.pem`), certPem);
    fs.writeFileSync(path.join(folder, `${name}.key`), keyPem);
  }

  const read = (file: string): string => fs.readFileSync(path.join(folder, file), "utf8");

  /** Signs NAME.key's public key with the CA's key: a CA, or an agent with a good identity. */
  function sign(name: string, ca: string, extensions: string, to = `${name}.pem`): string {
    fs.writeFileSync(path.join(folder, "extensions"), extensions);
    openssl(folder, "req", "-new", "-key", `${name}.key`, "-subj", `/CN=${name}`, "-out", `${name}.csr`);
    openssl(folder, "x509", "-req", "-in", `${name}.csr`, "-CA", `${ca}.pem`, "-CAkey", `${ca}.key`, "-set_serial", String(1 + Math.floor(Math.random() * 1e9)), "-days", "1", "-extfile", "extensions", "-out", to);
    return read(to);
  }

  const caExtensions = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n";
  const agentExtensions = (): string => `basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\nsubjectAltName=URI:${bench.identity("agent", agent.id)}\n`;

  function ecKey(name: string, encoding: "named_curve" | "explicit"): void {
    openssl(folder, "ecparam", "-name", "prime256v1", "-param_enc", encoding, "-genkey", "-noout", "-out", `${name}.key`);
  }

  /** Computing time of the engine's process so far, milliseconds; Linux counts in hundredths of a second. */
  function spentMs(): number {
    const [, , , , , , , , , , , , , user, system] = fs.readFileSync(`/proc/${bench.enginePid()}/stat`, "utf8").split(" ");
    return (Number(user) + Number(system)) * 10;
  }

  /** Offers the chain again and again: every time it is refused, in time and at little cost; a good client gets through afterwards. */
  async function staysOutCheaply(client: Client): Promise<void> {
    const target = `app.internal:${echo.port}`;
    const accepted = echo.accepted;
    for (let offer = 0; offer < offers; offer += 1) {
      const [started, spent] = [performance.now(), spentMs()];
      const status = await bench.connect(client, target).then(({ status: answered, socket }) => (socket.destroy(), answered), () => 0);
      expect([0, 403]).toContain(status);
      expect(spentMs() - spent).toBeLessThanOrEqual(costMaxMs);
      expect(performance.now() - started).toBeLessThan(refusedWithinMs);
    }
    // A runtime's TLS library may end the handshake itself; whoever decides, it is on the list of refusals (equal ones are counted, not repeated).
    await until(() => bench.refusals.length > 0, "a refusal is on the list");
    const codes = new Set(bench.refusals.map(({ code }) => code));
    expect(["certificate-weak", "certificate-untrusted", "certificate-invalid-chain", "tls-handshake-failed"]).toEqual(expect.arrayContaining([...codes]));
    const good = await bench.connect(agent, target);
    expect(good.status).toBe(200);
    good.socket.destroy();
    await until(() => echo.accepted > accepted, "the good client's tunnel arrived");
    expect(echo.accepted).toBe(accepted + 1);
    await until(() => bench.group.status().engines.every((engine) => engine.restarts === 0), "no engine was restarted");
  }

  it("refuses an RSA key of 16,384 bits, even in a certificate that our own CA signed, at less than 50 ms of computing [T16]", { timeout: 60_000 }, async () => {
    write("big", { certPem: "", keyPem: rsa16384 });
    const leaf = sign("big", "issuing", agentExtensions());
    await staysOutCheaply({ chainPem: leaf + bench.issuing.certPem, keyPem: rsa16384 });
  });

  it("refuses an issuer with an RSA key of 16,384 bits at less than 50 ms of computing [T16]", { timeout: 60_000 }, async () => {
    write("bigca", { certPem: "", keyPem: rsa16384 });
    const ca = sign("bigca", "root", caExtensions);
    ecKey("underbig", "named_curve");
    await staysOutCheaply({ chainPem: sign("underbig", "bigca", agentExtensions()) + ca, keyPem: read("underbig.key") });
  });

  it("refuses a key with explicit curve parameters, in the leaf and in an issuer, at less than 50 ms of computing [T16]", { timeout: 60_000 }, async () => {
    ecKey("explicit", "explicit");
    await staysOutCheaply({ chainPem: sign("explicit", "issuing", agentExtensions()) + bench.issuing.certPem, keyPem: read("explicit.key") });
    ecKey("explicitca", "explicit");
    const ca = sign("explicitca", "root", caExtensions);
    ecKey("underexplicit", "named_curve");
    await staysOutCheaply({ chainPem: sign("underexplicit", "explicitca", agentExtensions()) + ca, keyPem: read("underexplicit.key") });
  });

  it("refuses issuers that certify each other in a circle at less than 50 ms of computing [T16]", { timeout: 60_000 }, async () => {
    for (const name of ["ring1", "ring2"]) {
      ecKey(name, "named_curve");
      openssl(folder, "req", "-x509", "-new", "-key", `${name}.key`, "-subj", `/CN=${name}`, "-days", "1", "-out", `${name}.pem`);
    }
    const circle = [sign("ring1", "ring2", caExtensions, "ring1-by-2.pem"), sign("ring2", "ring1", caExtensions, "ring2-by-1.pem")];
    ecKey("inring", "named_curve");
    const leaf = sign("inring", "ring1", agentExtensions());
    await staysOutCheaply({ chainPem: leaf + circle.join(""), keyPem: read("inring.key") });
    await staysOutCheaply({ chainPem: leaf + [...circle, ...circle, ...circle].join(""), keyPem: read("inring.key") });
  });
});

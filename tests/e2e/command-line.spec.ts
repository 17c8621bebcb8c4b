/** The whole first run without a browser: the `sallyport` command, an offline bundle, the agent from it, and stock curl with no agent at all. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { type AgentProcess, runAgentFrom } from "./support/agent.ts";
import { run, sallyport } from "./support/command.ts";
import { type Installation, startInstallation, until } from "./support/installation.ts";
import { type Lan, lanHost, startLan } from "./support/lan.ts";
import { enrolStockClient, type StockClient } from "./support/stock-client.ts";
import { recordBetween, tlsRecordTypes } from "./support/recorder.ts";

test.describe.configure({ mode: "serial" });

let installation: Installation;
let lan: Lan;
let agent: AgentProcess;
let identity: StockClient;
let home = "";
let env: Record<string, string>;

test.beforeAll(async () => {
  test.setTimeout(300_000);
  installation = await startInstallation();
  lan = await startLan(installation.ports.agentSite);
  home = mkdtempSync(join(tmpdir(), "sallyport-home-"));
  env = { HOME: home, XDG_CONFIG_HOME: join(home, ".config") };
});

test.afterAll(async () => {
  test.setTimeout(60_000);
  await agent?.stop();
  await lan?.cut();
  await installation?.remove();
  if (home === "") return;
  await run("chmod", ["-R", "u+w", home]); // the agent ran from a read-only folder
  rmSync(home, { recursive: true, force: true });
});

test("an owner is made with the one-time link, and the link works once [S1-11]", async () => {
  const link = join(installation.dataDirectory, "setup-link");
  await sallyport(env, ["setup", "--link", link, "--email", "owner@example.com", "--name", "Olga Owner", "--password-file", "-"], "correct horse battery\n");
  const again = await run(process.execPath, ["cli/bin.mjs", "setup", "--link", link, "--email", "b@example.com", "--password-file", "-"], { env: { HOME: mkdtempSync(join(home, "other-")) }, input: "correct horse battery\n" });
  expect(again.code).not.toBe(0);
  expect(await sallyport(env, ["whoami"])).toMatchObject({ role: "owner" });
});

test("the guide stops at the policy, the first thing that is missing [S1-12]", async () => {
  await sallyport(env, ["organisation", "update-agent-site", "--name", "Agent site", "--names", lanHost, "--port", String(installation.ports.agentSite)]);
  await until(async () => (await stepStates()).join(" ").startsWith("verified verified verified verified"), 60_000, () => "the first four steps did not turn green");
  expect(await stepStates()).not.toContain("failed policy");
});

async function stepStates(): Promise<string[]> {
  await run(process.execPath, ["cli/bin.mjs", "guide", "run"], { env });
  const view = await sallyport<{ steps: { id: string; state: string }[] }>(env, ["guide", "status"]);
  return view.steps.map((step) => step.state);
}

test("a policy and a bundle are made, and the agent from the bundle uses the LAN while it can [S1-57] [S1-61] [S1-67]", async () => {
  test.setTimeout(180_000);
  await sallyport(env, ["agent-group", "create", "Field staff", "--kind", "static"]);
  await sallyport(env, ["policy", "create", "Field staff", "--gateway", "Local gateway", "--groups", "Field staff"]);
  await sallyport(env, ["guide", "check", "policy"]);
  const file = join(home, "bundle.tar.gz");
  await sallyport(env, ["bundle", "create", "Laptops", "--groups", "Field staff", "-o", file]);
  agent = await runAgentFrom(file, join(home, "agent"));
  await until(async () => (await agent.status()).path.kind === "lan", 60_000, () => `the agent is not on the LAN:\n${agent.output()}`);
  expect(lan.connections()).toBeGreaterThan(0);
});

test("the agent falls over to the gateway when the LAN is cut, comes back, and the console sees it [S1-62] [S1-63] [S1-01] [S1-02] [S1-68] [S0-21] [S0-22]", async () => {
  test.setTimeout(180_000);
  await lan.cut();
  const directConnections = lan.connections();
  const cutAt = performance.now();
  await until(async () => {
    const { path, step } = await agent.status();
    return path.kind === "gateway" && step === "fully-connected";
  }, 30_000, () => `the agent did not fall over to the gateway:\n${agent.output()}`);
  expect(performance.now() - cutAt).toBeLessThan(15_000);
  expect((await agent.text()).toLowerCase()).toContain("cloud-enabled management: active, connected via");
  await until(async () => (await stepStates()).every((state) => state === "verified"), 60_000, () => "the guide's last step did not turn green");
  const { rows } = await sallyport<{ rows: { state: string; path: { kind: string } }[] }>(env, ["agent", "list"]);
  expect(rows).toMatchObject([{ state: "online", path: { kind: "gateway" } }]);
  // No route to a server inside, no VPN: the one connection this computer has is the one to the gateway.
  expect(lan.connections()).toBe(directConnections);
  await lan.restore();
  await until(async () => (await agent.status()).path.kind === "lan", 30_000, () => `the agent did not come back to the LAN:\n${agent.output()}`);
  await lan.cut();
});

test("a stock client enrols with openssl and curl alone [S1-13] [S1-59]", async () => {
  await lan.restore();
  const { token } = await sallyport<{ token: string }>(env, ["agent", "create-token", "--groups", "Field staff"]);
  const { caPem } = await sallyport<{ caPem: string }>(env, ["organisation", "view"]);
  identity = await enrolStockClient(token, caPem, join(home, "stock"));
  await lan.cut();
});

test("curl does the same with no agent, and the gateway's plaintext holds only TLS records [S0-13] [S0-14] [S0-15] [S0-18] [S0-19] [S0-20] [S0-23]", async () => {
  const { agentSite, tunnel } = installation.ports;
  const recorder = await recordBetween(agentSite);
  await sallyport(env, ["server", "create", "Recorded", "--kind", "site", "--names", lanHost, "--ports", String(recorder.port), "--addresses", "127.0.0.1", "--gateways", "Local gateway"]);
  const proxy = ["--proxy", `https://localhost:${tunnel}`, "--proxy-cert", identity.chain, "--proxy-key", identity.key, "--proxy-insecure"];
  const inner = ["--cert", identity.chain, "--key", identity.key, "--cacert", identity.ca, "--noproxy", ""];
  let outcome = { code: 1, stdout: "", stderr: "" };
  await until(async () => {
    outcome = await run("curl", ["-sS", "--max-time", "10", ...proxy, ...inner, `https://${lanHost}:${recorder.port}/healthz`]);
    return outcome.code === 0;
  }, 20_000, () => `curl through the gateway failed: ${outcome.stderr}`);
  for (const stream of recorder.streams()) {
    expect(tlsRecordTypes(stream.up)).not.toContain("plain");
    expect(tlsRecordTypes(stream.down)).not.toContain("plain");
  }
  expect(recorder.streams().length).toBeGreaterThan(0);
  await recorder.close();
  const pinned = await run("curl", ["-sS", "--max-time", "10", "--proxy", `https://localhost:${tunnel}`, "--proxy-cacert", await presentedCertificate(), "--proxy-cert", identity.chain, "--proxy-key", identity.key, ...inner, `https://${lanHost}:${agentSite}/healthz`]);
  expect(pinned).toMatchObject({ code: 0, stderr: "" });
});

/** The gateway's self-signed certificate as a file, as a person copies it from the console. */
async function presentedCertificate(): Promise<string> {
  const { rows } = await sallyport<{ rows: { id: string }[] }>(env, ["certificate", "list", "--purpose", "gateway-listener"]);
  const { pem } = await sallyport<{ pem: string }>(env, ["certificate", "get", rows[0]?.id ?? ""]);
  const file = join(home, "gateway.pem");
  await run("tee", [file], { input: pem });
  return file;
}

test("revoking the agent is in force within 2 s, and says so in the refusal list [T10] [N1]", async () => {
  await sallyport(env, ["agent", "revoke", identity.agentId, "--yes"]);
  const revokedAt = performance.now();
  const { agentSite, tunnel } = installation.ports;
  await until(async () => (await run("curl", ["-sS", "--max-time", "5", "--proxy", `https://localhost:${tunnel}`, "--proxy-insecure", "--proxy-cert", identity.chain, "--proxy-key", identity.key, "-k", `https://${lanHost}:${agentSite}/healthz`])).stderr.includes("403"), 2_000, () => "a revoked agent was still let in");
  expect(performance.now() - revokedAt).toBeLessThan(2_500);
  await until(async () => (await sallyport<{ rows: { code: string }[] }>(env, ["refusal", "list"])).rows.some((refusal) => refusal.code === "agent-revoked"), 4_000, () => "the refusal list does not name the revoked agent");
});

test("the gateway keeps nothing of what it carried, and only its own port faces the network [S1-03] [S1-05]", async () => {
  const kept = await run("sh", ["-c", 'grep -rla "fully-connected\\|inventory" "$1" || true', "sh", join(installation.dataDirectory, "gateway")]);
  expect(kept.stdout).toBe("");
  const { stdout } = await run("ss", ["-ltnH"]);
  const open = stdout.split("\n").map((line) => line.split(/\s+/)[3] ?? "").filter((local) => /^(\*|0\.0\.0\.0|\[::\]):/.test(local)).map((local) => Number(local.slice(local.lastIndexOf(":") + 1)));
  for (const port of [installation.ports.agentSite, installation.ports.console, installation.ports.metrics]) expect(open).not.toContain(port);
});

test("logs and data hold no private key in clear and no token [T40]", async () => {
  const scan = await run("sh", ["-c", `grep -rlaE 'BEGIN (EC |RSA )?PRIVATE KEY|sp1\\.(agent|gateway)\\.|spk_[A-Za-z0-9_-]{43}' "$1/logs" "$1/postgres" || true`, "sh", installation.dataDirectory]);
  expect(scan.stdout).toBe("");
  mkdirSync(join(home, "empty"), { recursive: true });
  chmodSync(home, 0o700);
  expect(readFileSync(join(installation.dataDirectory, "logs", "console.log"), "utf8")).not.toContain("correct horse");
});

import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { AgentConfig } from "./config.ts";
import { effectivePolicy, localSettings, parseEndpoint, parseReach, relayUse, storeRelay } from "./local-settings.ts";
import { barePolicy } from "./policy-store.ts";

const root = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-settings-"));
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));
let stateDir = root;
beforeEach(() => (stateDir = fs.mkdtempSync(path.join(root, "state-"))));

const config = (environment: AgentConfig["environment"] = {}): AgentConfig => ({ stateDir, logFile: "", statusFile: "", isSupervised: false, environment });
const policy = barePolicy("11111111-1111-4111-8111-111111111111", { name: "site", host: "site.acme.example", port: 4726 });
const ofPolicy = { host: "relay.policy.example", port: 2002 };

describe("this computer's own settings", () => {
  it("are a relay from the environment, then from enrol --relay, then from the policy [S4-21]", () => {
    expect(relayUse({ ...policy, relay: ofPolicy }, localSettings(config()))).toEqual({ ...ofPolicy, isValidated: true });
    storeRelay(stateDir, { relay: "Relay.Branch.example", validation: undefined });
    expect(relayUse({ ...policy, relay: ofPolicy }, localSettings(config()))).toEqual({ host: "relay.branch.example", port: 2002, isValidated: true });
    expect(relayUse(null, localSettings(config({ relay: "[fd00::1]:99", relayValidation: "off" })))).toEqual({ host: "fd00:0:0:0:0:0:0:1", port: 99, isValidated: false });
    storeRelay(stateDir, { relay: "none", validation: undefined });
    expect(relayUse(policy, localSettings(config()))).toBeNull();
  });

  it("keep what was set when only the other half is given [S4-37]", () => {
    storeRelay(stateDir, { relay: "relay.branch.example:2102", validation: "off" });
    storeRelay(stateDir, { relay: undefined, validation: "on" });
    expect(localSettings(config())).toMatchObject({ relay: { host: "relay.branch.example", port: 2102 }, isRelayValidationOff: false });
  });

  it("put no proxy in front of a relay: it is the one way out", () => {
    const proxied = { ...policy, requestProxy: { host: "proxy.example", port: 3128 }, channelProxy: { host: "proxy.example", port: 3128 } };
    expect(effectivePolicy(proxied, localSettings(config()))).toBe(proxied);
    expect(effectivePolicy(proxied, localSettings(config({ relay: "r.example" })))).toMatchObject({ requestProxy: null, channelProxy: null, relay: { host: "r.example", port: 2002 } });
  });

  it("narrow what may be reached: off, a list, or all of the policy's list [T08]", () => {
    expect(localSettings(config()).reach).toEqual({ kind: "all" });
    expect(parseReach("OFF", "X")).toEqual({ kind: "off" });
    expect(parseReach("22, 5432,printer.lan:9100", "X")).toEqual({ kind: "some", services: [{ host: "127.0.0.1", port: 22 }, { host: "127.0.0.1", port: 5432 }, { host: "printer.lan", port: 9100 }] });
    fs.writeFileSync(path.join(stateDir, "reach.json"), '{"allow":[22,"10.0.0.9:80"]}');
    expect(localSettings(config()).reach).toEqual({ kind: "some", services: [{ host: "127.0.0.1", port: 22 }, { host: "10.0.0.9", port: 80 }] });
    expect(localSettings(config({ reach: "off" })).reach).toEqual({ kind: "off" });
  });

  it("listen on the usual port, another, or one address [X4-01]", () => {
    expect(localSettings(config()).listen).toBeNull();
    expect(localSettings(config({ listen: "on" })).listen).toEqual({ address: null, port: 2003 });
    expect(localSettings(config({ listen: "2103" })).listen).toEqual({ address: null, port: 2103 });
    expect(localSettings(config({ listen: "10.0.0.2" })).listen).toEqual({ address: "10.0.0.2", port: 2003 });
    expect(localSettings(config({ listen: "10.0.0.2:2103" })).listen).toEqual({ address: "10.0.0.2", port: 2103 });
  });

  it.each([
    { relay: "relay:0" }, { relay: "http://relay" }, { relay: "a b" }, { relayValidation: "no" }, { reach: "ssh" }, { reach: "22,,80" }, { reach: "70000" }, { reach: "host" }, { listen: "0" }, { listen: "here:there" },
  ])("stop the agent when they cannot be read, with name, value and expectation: %o", (environment) => {
    expect(() => localSettings(config(environment))).toThrow(TypeError);
    expect(() => localSettings(config(environment))).toThrow(/SALLYPORT_\w+ (is|has) ".*"; expected /);
  });

  it("stop it too when a file is damaged, rather than open what somebody closed [T08]", () => {
    fs.writeFileSync(path.join(stateDir, "reach.json"), '{"allow":"of');
    expect(() => localSettings(config())).toThrow(/reach\.json cannot be read/);
  });

  it("read addresses in one spelling", () => {
    expect(parseEndpoint("RELAY.example.:1", 2, "X")).toEqual({ host: "relay.example", port: 1 });
  });
});

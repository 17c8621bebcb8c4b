/** Rules of dynamic groups as functions: compiled once, then asked for each agent. Pure; preview and membership use the same one. */
import ipaddr from "ipaddr.js";
import type { z } from "zod";
import type { groupCondition, GroupRule } from "../../../contract/objects.ts";

type Condition = z.infer<typeof groupCondition>;

/** What a rule may look at. */
export type RuleSubject = {
  hostname: string;
  platform: string;
  osName: string;
  osVersion: string;
  architecture: string;
  softwareVersion: string | null;
  addresses: readonly string[];
};

export const ruleSubjectColumns = { hostname: true, platform: true, osName: true, osVersion: true, architecture: true, softwareVersion: true, addresses: true } as const;

/** Compiles a rule into a test for one agent. Text is compared without regard to case; an agent matches in-subnet when one of its addresses lies in it. */
export function compileRule(rule: GroupRule): (agent: RuleSubject) => boolean {
  const tests = rule.conditions.map(compileCondition);
  return rule.match === "all" ? (agent) => tests.every((test) => test(agent)) : (agent) => tests.some((test) => test(agent));
}

function compileCondition(condition: Condition): (agent: RuleSubject) => boolean {
  const { field } = condition;
  if (field === "address") return inSubnet(condition.value);
  const compare = textTest(condition.operator, condition.value.toLowerCase());
  return (agent) => compare((field === "agentVersion" ? agent.softwareVersion ?? "" : agent[field]).toLowerCase());
}

function textTest(operator: Condition["operator"], wanted: string): (text: string) => boolean {
  switch (operator) {
    case "equals": return (text) => text === wanted;
    case "starts-with": return (text) => text.startsWith(wanted);
    case "ends-with": return (text) => text.endsWith(wanted);
    case "contains": return (text) => text.includes(wanted);
    case "in-subnet": return () => false; // the contract lets in-subnet through for addresses only
  }
}

function inSubnet(cidr: string): (agent: RuleSubject) => boolean {
  const [network, prefix] = ipaddr.parseCIDR(cidr);
  return (agent) =>
    agent.addresses.some((text) => {
      const address = parseAddress(text);
      return address !== undefined && address.kind() === network.kind() && address.match(network, prefix);
    });
}

/** An agent's address; a zone (`fe80::1%eth0`) is dropped and an IPv4-mapped address counts as IPv4. Undefined for text that is none. */
function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  const bare = text.replace(/%.*$/, "").replace(/\/\d+$/, "");
  return ipaddr.isValid(bare) ? ipaddr.process(bare) : undefined;
}

/** The neutral settings sheet: Markdown that a person carries to any balancer's form (S2-18, S3-04). */
import { canonicalHost } from "../../../contract/names.ts";
import { isAddress } from "../plan/name-match.ts";
import { comment, hostPort, type Rendered, seconds, servingMembers, type Sheet } from "./sheet.ts";
import { certificateWords, checkWords, exceptionsOf, exceptionWords, memberTlsWords, modeWords, nameWords, persistenceWords, schedulingWords } from "./words.ts";

export function neutralSheet(sheet: Sheet): Rendered {
  const rows: [string, string | null][] = [
    ["Listens on", `${hostPort({ host: sheet.address, port: sheet.port })} (TCP)`],
    ["Server names (SNI)", nameWords(sheet)],
    ["Clients are built with (stamp)", sheet.stampName],
    ["Mode", modeWords(sheet)],
    ["Layer", sheet.protocol === "http" ? "7 (HTTP)" : "4"],
    ["Certificate presented", certificateWords(sheet)],
    ["TLS to members", memberTlsWords(sheet)],
    ["Client certificate", sheet.clientCertificate === "none" ? null : sheet.clientCertificate],
    ["Scheduling", schedulingWords(sheet)],
    ["Persistence", persistenceWords(sheet)],
    ...exceptionsOf(sheet).map((exception): [string, string] => ["Persistence exception", exceptionWords(exception)]),
    ["Health check", checkWords(sheet)],
    ["Client address to members", addressWords(sheet)],
    ["Client address from a balancer in front", sheet.acceptsProxy ? "PROXY protocol v1 or v2, from listed addresses only" : null],
    ["Connect timeout", `${seconds(sheet.connectTimeoutMs)} s`],
    ["Idle timeout", `${seconds(sheet.idleTimeoutMs)} s in both directions`],
    ["HTTP responder, redirect from port 80", sheet.kind === "front" ? "off: nothing may answer plain HTTP" : null],
  ];
  const lines = [
    `# ${cell(sheet.name)}`, "",
    sheet.kind === "front" ? "Settings of the load balancer in front of tunnel gateways. It passes TCP through; agents must meet the gateway's own certificate." : "Settings of this virtual service in neutral terms, for a balancer of another make.", "",
    "| Setting | Value |", "| --- | --- |", ...rows.flatMap(([key, value]) => (value === null || value === "" ? [] : [`| ${key} | ${cell(value)} |`])), "",
    "## Members, in the order of fail-over", "",
    "| Name | Address | Weight | Most connections | State |", "| --- | --- | --- | --- | --- |",
    ...sheet.members.map((member) => `| ${cell(member.name)} | ${hostPort(member)} | ${member.weight} | ${member.maxConnections ?? "no limit"} | ${member.state} |`), "",
    ...byDns(sheet), ...afterwards(sheet), "",
  ];
  return { text: lines.join("\n"), notes: [] };
}

function addressWords(sheet: Sheet): string {
  const proxy = sheet.sendProxy === "off" ? [] : [`PROXY protocol ${sheet.sendProxy}`];
  const header = sheet.protocol === "http" && sheet.forwardedHeaders !== "none" ? [{ "x-forwarded": "X-Forwarded-For, -Proto, -Host", forwarded: "Forwarded (RFC 7239)", both: "X-Forwarded-* and Forwarded" }[sheet.forwardedHeaders]] : [];
  const all = [...proxy, ...header];
  return all.length === 0 ? "not sent (members see the balancer's address)" : all.join(" and ");
}

/** Moving clients by hand where there is no balancer: the record to change (S3-62). */
function byDns(sheet: Sheet): string[] {
  const { stampName, resolvesTo } = sheet;
  if (sheet.kind === "front" || stampName === null) return [];
  const now = resolvesTo === null ? `${stampName} does not resolve here.` : `${stampName} leads to ${resolvesTo.join(", ")} now${target(sheet, resolvesTo)}.`;
  const records = servingMembers(sheet).map((member) => `- to ${cell(member.name)}: \`${stampName}. 60 IN ${!isAddress(member.host) ? `CNAME ${member.host}.` : member.host.includes(":") ? `AAAA ${member.host}` : `A ${member.host}`}\``);
  return ["## Without a balancer: fail-over by DNS", "", `${now} To move clients by hand, change its record, with a TTL of a minute or less; clients follow when the old record's TTL is over:`, "", ...records, ""];
}

function target(sheet: Sheet, addresses: readonly string[]): string {
  const at = sheet.members.filter((member) => addresses.some((address) => canonicalHost(address) === canonicalHost(member.host)));
  return at.length === 0 ? "" : ` (${at.map((member) => cell(member.name)).join(", ")})`;
}

function afterwards(sheet: Sheet): string[] {
  if (sheet.kind === "front") {
    return ["## Afterwards", "", "- The balancer's own configuration is its vendor's and its owner's job; Sallyport checks the result from outside.", "- Check the policy (or step 3 of the first run): through the public name, the certificate presented must be the gateway's own, and nothing may answer plain HTTP.", "- If another certificate is met, the balancer ends TLS itself (a certificate proxy): take its TLS profile away."];
  }
  const proof = sheet.stampName === null ? "" : ` (\`openssl s_client -connect ADDRESS:${sheet.port} -servername ${sheet.stampName} -verify_hostname ${sheet.stampName}\`)`;
  return ["## Afterwards", "", `- Look at the certificate that clients meet${proof}.`, "- Stop one member and see clients go on; start it and see it used again."];
}

/** Text in a table cell: no control characters, no bar that would end it, no markup. */
function cell(text: string): string {
  return comment(text).replace(/[\\|<`*]/g, (character) => `\\${character}`);
}

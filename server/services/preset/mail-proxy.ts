/** Mail proxy: SMTP passed on unchanged, with a check that tells the proxy from the mail server behind it (S3-16 to S3-19, N6). */
import type { Filling, PresetInput } from "./presets.ts";

const smtpPorts: readonly number[] = [25, 465, 587];
/** RFC 5321 section 4.5.3.2: a server waits 5 minutes for a command, a client 10 for the answer to a message. */
const smtpIdleMs = 600_000;

export function mailProxy(input: PresetInput): Filling {
  const port = input.members.find((member) => smtpPorts.includes(member.port))?.port ?? 587;
  const hop = input.nextHop;
  return {
    service: { port, mode: "tcp", protocol: "tcp", stampName: null, serverNames: [], limits: { idleTimeoutMs: smtpIdleMs } },
    pool: {
      scheduling: "failover",
      healthCheck: {
        kind: "smtp", intervalMs: 10_000, timeoutMs: 8_000, rise: 2, fall: 2, jitterPercent: 10, port: null, verify: "off", anchorsPem: [], serverName: null, daysLeftMin: 0, ehloName: "gateway.invalid", startTls: "off",
        nextHop: hop === null ? null : { host: hop, port: 25, takesMemberOut: false },
      },
    },
    reasons: [
      { field: "mode", sentence: "SMTP begins in plain text and may switch to TLS later (STARTTLS); the gateway passes it on unchanged." },
      { field: "port", sentence: port === 25 ? "Mail from other servers arrives on port 25." : port === 465 ? "Submission with TLS from the start." : "Mail programs submit on port 587." },
      hop === null
        ? { field: "pool.healthCheck.nextHop", sentence: "Name the server that the proxy forwards to: without it a proxy that greets but delivers nothing looks healthy." }
        : { field: "pool.healthCheck.nextHop", sentence: `When ${hop} is away, the members are shown as "next hop down" and stay in rotation: they still take mail, and no other member would do better.` },
      { field: "limits.idleTimeoutMs", sentence: "SMTP lets a server think for up to ten minutes after a message." },
      { field: "sendProxy", sentence: "Members see the gateway's address. Where they filter by the client's address, send PROXY protocol and switch it on there (postfix: smtpd_upstream_proxy_protocol = haproxy)." },
    ],
  };
}

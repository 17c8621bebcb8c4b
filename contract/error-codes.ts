/**
 * Stable codes of every process. A code is never renamed or reused; each has a line in docs/errors.md (a test compares the two lists).
 * `sentence` is what a person reads when nothing more specific is known; throwers add the value, the expectation and the next step.
 */
import { z } from "zod";

/** Why the gateway (or the agent site) refused a connection. `status` is the HTTP answer where one can be given; `proxyStatus` the RFC 9209 section 2.3 error type. */
export const refusals = {
  "tls-not-tls": { status: 0, proxyStatus: "tls_protocol_error", sentence: "The client did not speak TLS.", cure: "Use https:// (or TLS) to reach this port; nothing here answers plain HTTP." },
  "tls-handshake-timeout": { status: 0, proxyStatus: "connection_timeout", sentence: "The TLS handshake was not finished in time.", cure: "Check the network path, and anything that opens connections without speaking." },
  "tls-handshake-failed": { status: 0, proxyStatus: "tls_protocol_error", sentence: "The TLS handshake failed.", cure: "The detail names the alert; check that the client supports TLS 1.2 or 1.3 with ECDHE and AEAD." },
  "tls-version": { status: 0, proxyStatus: "tls_protocol_error", sentence: "The client offered no TLS version that this gateway accepts (1.2 and 1.3).", cure: "Update the client." },
  "tls-algorithm": { status: 403, proxyStatus: "tls_protocol_error", sentence: "The connection's encryption is none that this gateway is restricted to (AES-GCM).", cure: "Offer TLS_AES_128_GCM_SHA256 or TLS_AES_256_GCM_SHA384, with P-256 or P-384; or switch the restriction off on the gateway." },
  "certificate-missing": { status: 403, proxyStatus: "tls_certificate_error", sentence: "The client presented no certificate.", cure: "Enrol the agent, or give the client --proxy-cert and --proxy-key." },
  "certificate-untrusted": { status: 403, proxyStatus: "tls_certificate_error", sentence: "The client's certificate was issued by a CA that this organisation does not trust.", cure: "Enrol with a token of this organisation." },
  "certificate-chain-incomplete": { status: 403, proxyStatus: "tls_certificate_error", sentence: "The client sent its certificate without the intermediate that issued it.", cure: "Configure the client with the whole chain file, leaf first." },
  "certificate-expired": { status: 403, proxyStatus: "tls_certificate_error", sentence: "The client's certificate has expired.", cure: "Renew it, or re-enrol with a new token." },
  "certificate-not-yet-valid": { status: 403, proxyStatus: "tls_certificate_error", sentence: "The client's certificate is not valid yet.", cure: "Compare the clocks of client and gateway." },
  "certificate-purpose": { status: 403, proxyStatus: "tls_certificate_error", sentence: "The client's certificate may not be used for client authentication.", cure: "Use the certificate that enrolment issued; it carries the clientAuth purpose." },
  "certificate-weak": { status: 403, proxyStatus: "tls_certificate_error", sentence: "The client's chain uses a weak key or signature (RSA under 2048 bits, SHA-1, or an unknown curve).", cure: "Re-enrol; keys made by the agent are ECDSA P-256." },
  "certificate-invalid-chain": { status: 403, proxyStatus: "tls_certificate_error", sentence: "The client's certificate chain breaks a rule (CA flag, path length, name constraint or critical extension).", cure: "Use the chain that enrolment issued, unchanged." },
  "certificate-identity": { status: 403, proxyStatus: "tls_certificate_error", sentence: "The client's certificate carries no agent identity of this organisation.", cure: "Use a certificate that this organisation issued to an agent." },
  "certificate-superseded": { status: 403, proxyStatus: "tls_certificate_error", sentence: "The agent is known, but this certificate is not one of its current ones.", cure: "Two machines may share one identity (a cloned disk), or an old key is in use: re-enrol one of them." },
  "agent-revoked": { status: 403, proxyStatus: "http_request_denied", sentence: "The agent's access was revoked.", cure: "If this was a mistake, re-enrol the agent with a new token." },
  "agent-unknown": { status: 403, proxyStatus: "http_request_denied", sentence: "No agent of this identity is known.", cure: "It may have been deleted; re-enrol it with a new token." },
  "policy-none": { status: 403, proxyStatus: "http_request_denied", sentence: "No policy targets this agent.", cure: "Add one of the agent's groups to a policy." },
  "policy-disabled": { status: 403, proxyStatus: "http_request_denied", sentence: "The agent is targeted only by policies that are switched off.", cure: "Enable the policy." },
  "policy-other-gateway": { status: 403, proxyStatus: "http_request_denied", sentence: "The agent's policies name other gateways, not this one.", cure: "Add this gateway to the policy, or check which name the agent dialled." },
  "bundle-revoked": { status: 403, proxyStatus: "http_request_denied", sentence: "The offline bundle was revoked, is used up or has expired.", cure: "Make a new bundle and deliver it." },
  "target-malformed": { status: 400, proxyStatus: "http_request_error", sentence: "The CONNECT target is not host:port.", cure: "Write a host name or IP literal and a port from 1 to 65535." },
  "target-host": { status: 403, proxyStatus: "http_request_denied", sentence: "The requested host is no server assigned to this gateway.", cure: "Assign the server to the gateway, or use one of the server's listed names." },
  "target-port": { status: 403, proxyStatus: "http_request_denied", sentence: "The requested port is not one of the server's ports.", cure: "Add the port to the server, or use a listed one." },
  "target-not-for-bundle": { status: 403, proxyStatus: "http_request_denied", sentence: "An enrolment bundle may reach only the agent site.", cure: "Enrol first; then use the agent's own certificate." },
  "request-malformed": { status: 400, proxyStatus: "http_request_error", sentence: "The request is not a well-formed HTTP/1.1 CONNECT.", cure: "Use any HTTP proxy client over TLS, such as curl --proxy https://…" },
  "request-method": { status: 403, proxyStatus: "http_request_denied", sentence: "This gateway only forwards bytes to assigned servers; it answers no other request.", cure: "Use CONNECT host:port." },
  "request-head-too-large": { status: 431, proxyStatus: "http_request_error", sentence: "The request head is larger than the limit (16 KiB, 64 fields).", cure: "Send fewer or smaller header fields." },
  "request-timeout": { status: 408, proxyStatus: "connection_timeout", sentence: "The request head did not arrive in time.", cure: "Send CONNECT at once after the handshake." },
  "backend-unresolved": { status: 502, proxyStatus: "dns_error", sentence: "The server's name did not resolve on the gateway.", cure: "Check the gateway's DNS, or list the server's addresses." },
  "backend-address-forbidden": { status: 502, proxyStatus: "destination_ip_prohibited", sentence: "The server's name resolved to an address that is never dialled (loopback, link-local or the gateway's own) unless listed.", cure: "List the address on the server if it is meant." },
  "backend-refused": { status: 502, proxyStatus: "connection_refused", sentence: "The server refused the TCP connection on every address.", cure: "Check that the server runs and that the firewall lets the gateway through." },
  "backend-timeout": { status: 504, proxyStatus: "connection_timeout", sentence: "The server did not answer in time on any address.", cure: "Check the route and the firewall between gateway and server." },
  "gateway-full": { status: 503, proxyStatus: "connection_limit_reached", sentence: "The gateway is at its connection limit.", cure: "Add a gateway or raise the limit." },
  "gateway-draining": { status: 503, proxyStatus: "http_request_denied", sentence: "The gateway is draining and takes no new tunnels.", cure: "Use the policy's next gateway." },
  "proxy-header-missing": { status: 0, proxyStatus: "http_protocol_error", sentence: "A listed load balancer sent no PROXY protocol header.", cure: "Switch PROXY protocol on at the load balancer, or off on this listener." },
  "proxy-header-invalid": { status: 0, proxyStatus: "http_protocol_error", sentence: "The PROXY protocol header is malformed.", cure: "The detail names what is wrong; send version 1 or 2, once, before any other byte." },
  "proxy-header-untrusted": { status: 0, proxyStatus: "http_request_denied", sentence: "This port takes connections only from listed load balancers, with a PROXY protocol header.", cure: "Connect through the load balancer, or add this address to the listed sources." },
  "client-hello-malformed": { status: 0, proxyStatus: "tls_protocol_error", sentence: "The first bytes are no TLS ClientHello that can be read.", cure: "Use TLS to reach this port." },
  "server-name-missing": { status: 0, proxyStatus: "tls_protocol_error", sentence: "The client sent no server name (SNI), and no service of this port takes such clients.", cure: "Connect by name, or let a service take clients without a name." },
  "server-name-unknown": { status: 0, proxyStatus: "tls_protocol_error", sentence: "No service of this port has the server name that the client asked for.", cure: "Add the name to a service, or let one take unknown names." },
  "service-no-member": { status: 503, proxyStatus: "destination_unavailable", sentence: "No member of the service's pool can take the connection.", cure: "The pool's health history says why each member is out." },
  "service-member-kept": { status: 503, proxyStatus: "destination_unavailable", sentence: "The client is kept on a member that is down, and the service does not move clients before their time is over.", cure: "Wait, repair the member, or let the service move clients." },
  "member-certificate": { status: 502, proxyStatus: "tls_certificate_error", sentence: "The member's certificate was not accepted.", cure: "The detail names the reason; correct the certificate, the anchors, the name or the pin of the service." },
  "member-tls": { status: 502, proxyStatus: "tls_protocol_error", sentence: "The TLS handshake with the member failed.", cure: "Check that the member's port speaks TLS 1.2 or 1.3." },
  "member-closed": { status: 502, proxyStatus: "connection_terminated", sentence: "The member closed the connection before it answered.", cure: "See the member's own log under the same time." },
  "member-response": { status: 502, proxyStatus: "http_protocol_error", sentence: "The member's response is no well-formed HTTP.", cure: "The detail names what is wrong." },
  "member-timeout": { status: 504, proxyStatus: "http_response_timeout", sentence: "The member did not answer in time.", cure: "Check the member's load, or raise the service's response timeout." },
  "http-malformed": { status: 400, proxyStatus: "http_request_error", sentence: "The HTTP request is malformed or ambiguous.", cure: "The detail names the rule; nothing of it was passed on." },
  "http-head-too-large": { status: 431, proxyStatus: "http_request_error", sentence: "The request's head is larger than the limit (16 KiB, 100 fields).", cure: "Send fewer or smaller header fields." },
  "http-body-too-large": { status: 413, proxyStatus: "http_request_error", sentence: "The request's body is larger than the service allows.", cure: "Raise the limit of the service." },
  "http-timeout": { status: 408, proxyStatus: "connection_timeout", sentence: "The request did not arrive in time.", cure: "Send the head and the body without long pauses." },
  "http-flood": { status: 0, proxyStatus: "http_request_denied", sentence: "The client misused HTTP/2 (too many resets, pings, settings or continuation frames).", cure: "Look for what sends them; other connections are not affected." },
  "http-name-mismatch": { status: 421, proxyStatus: "http_request_error", sentence: "The request's Host is not a name that this connection's service serves.", cure: "Open a connection of its own for that name." },
  "source-limit": { status: 0, proxyStatus: "connection_limit_reached", sentence: "Too many unfinished handshakes from one address.", cure: "Wait, or look for what opens them." },
} as const satisfies Record<string, { status: 0 | 400 | 403 | 404 | 408 | 413 | 421 | 431 | 502 | 503 | 504; proxyStatus: string; sentence: string; cure: string }>;

export type RefusalCode = keyof typeof refusals;
export const refusalCodes = Object.keys(refusals) as [RefusalCode, ...RefusalCode[]];
export const refusalCode = z.enum(refusalCodes);

/** Why the console (UI, REST, agent site, control channel) refused a request. `status` is the HTTP answer. */
export const consoleErrors = {
  "input-invalid": { status: 400, sentence: "The input does not fit." },
  "not-signed-in": { status: 401, sentence: "Sign in first." },
  "not-allowed": { status: 403, sentence: "Your role does not allow this." },
  "not-found": { status: 404, sentence: "There is no such object in this organisation." },
  "name-taken": { status: 409, sentence: "Another object of this kind already has this name." },
  "in-use": { status: 409, sentence: "Other objects depend on this one." },
  "confirmation-missing": { status: 409, sentence: "Repeat the object's name to confirm what this cuts off." },
  "changed-meanwhile": { status: 409, sentence: "Somebody changed this object since you opened it." },
  "management-server-in-internet-site": { status: 409, sentence: "A management server may not be assigned to an internet site." },
  "policy-proxy-and-gateway": { status: 409, sentence: "A policy uses either a proxy or gateways for requests, not both." },
  "policy-pin-missing": { status: 409, sentence: "A gateway in a policy needs at least one pin." },
  "round-robin-session-bound": { status: 409, sentence: "Plain round robin would move clients between members in the middle of a session." },
  "persistence-needs-http": { status: 409, sentence: "Cookie persistence needs a service that decrypts and speaks HTTP." },
  "http-needs-decryption": { status: 409, sentence: "Protocol HTTP needs a mode that can read the requests." },
  "service-certificate-missing": { status: 409, sentence: "A service that ends TLS needs a certificate with its key." },
  "service-name-taken": { status: 409, sentence: "Another service of this address and port already takes these clients." },
  "listener-taken": { status: 409, sentence: "The address and port are already used on this gateway." },
  "decryption-before-tunnel": { status: 409, sentence: "Decrypting in front of a tunnel listener would break every agent's connection." },
  "last-owner": { status: 409, sentence: "An organisation keeps at least one owner." },
  "token-refused": { status: 403, sentence: "The token is not valid here: unknown, expired, used up or revoked." },
  "csr-refused": { status: 400, sentence: "The certificate request is not acceptable." },
  "key-reused": { status: 409, sentence: "This key already belongs to another identity." },
  "certificate-key-mismatch": { status: 400, sentence: "The private key does not belong to the certificate." },
  "certificate-password": { status: 400, sentence: "The password does not open the file." },
  "certificate-intermediate-missing": { status: 400, sentence: "The chain lacks an intermediate certificate." },
  "certificate-unreadable": { status: 400, sentence: "The file is neither PEM nor PKCS#12." },
  "certificate-not-usable": { status: 400, sentence: "The certificate cannot serve here." },
  "identity-refused": { status: 403, sentence: "The certificate's identity may not use this." },
  "snapshot-refused": { status: 409, sentence: "The gateway refused the snapshot." },
  "step-not-ready": { status: 409, sentence: "An earlier step of the first run is not verified yet." },
  "rate-limited": { status: 429, sentence: "Too many attempts; wait and try again." },
  "too-large": { status: 413, sentence: "The request is larger than the limit." },
  "database-unavailable": { status: 503, sentence: "The database cannot be reached; gateways and tunnels are not affected." },
  "internal": { status: 500, sentence: "Something failed on our side; the log has the details under the request id." },
} as const satisfies Record<string, { status: number; sentence: string }>;

export type ConsoleErrorCode = keyof typeof consoleErrors;
export const consoleErrorCodes = Object.keys(consoleErrors) as [ConsoleErrorCode, ...ConsoleErrorCode[]];

/** Why the agent could not connect, or refused something given to it. */
export const agentErrors = {
  "pin-mismatch": { sentence: "The gateway's certificate has none of the pinned fingerprints.", cure: "Something between agent and gateway answers TLS itself (a certificate proxy), or the gateway's certificate changed: compare fingerprints in the console." },
  "gateway-unresolved": { sentence: "The gateway's name did not resolve.", cure: "Check the public DNS entry and this computer's DNS." },
  "gateway-unreachable": { sentence: "No TCP connection to the gateway.", cure: "Check the firewall in front of the gateway and this network's outbound rules." },
  "gateway-tls": { sentence: "The outer TLS handshake failed.", cure: "See the gateway's refusal list under the same time." },
  "gateway-refused": { sentence: "The gateway refused the connection.", cure: "The status and Proxy-Status name the reason; the console's refusal list has it too." },
  "lan-unreachable": { sentence: "The management server cannot be reached directly.", cure: "Expected outside the LAN." },
  "server-untrusted": { sentence: "The server's certificate is not the management server's.", cure: "A captive portal or a TLS-inspecting device answered; the agent will not talk to it." },
  "server-refused-certificate": { sentence: "The server refused this agent's certificate.", cure: "Re-enrol with a new token." },
  "proxy-failed": { sentence: "The HTTP proxy did not open the connection.", cure: "Check the proxy's address and whether it allows CONNECT." },
  "not-enrolled": { sentence: "This agent is not enrolled.", cure: "Run: sallyport-agent enrol --bundle FILE" },
  "bundle-refused": { sentence: "The bundle was refused.", cure: "Download it again from the console and compare its fingerprint." },
  "bundle-expired": { sentence: "The bundle has expired.", cure: "Make a new bundle in the console." },
  "bundle-signature": { sentence: "The bundle's signature does not fit its contents.", cure: "Download it again; do not install a bundle that fails this check." },
  "enrolment-refused": { sentence: "The management server refused the enrolment.", cure: "The token may be used up, expired or revoked; ask for a new bundle." },
  "clock-skew": { sentence: "This computer's clock differs from the management server's by more than 5 minutes.", cure: "Correct the clock; certificates are judged by it." },
} as const satisfies Record<string, { sentence: string; cure: string }>;

export type AgentErrorCode = keyof typeof agentErrors;
export const agentErrorCodes = Object.keys(agentErrors) as [AgentErrorCode, ...AgentErrorCode[]];

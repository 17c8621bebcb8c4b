/** The ports of a one-machine installation (DESIGN: fixed interfaces), and whether they are free. */
import net from "node:net";
import { StartError } from "./report.mjs";

/** Name, default and meaning of each variable. */
const known = [
  { variable: "SALLYPORT_CONSOLE_PORT", port: 3000, use: "console" },
  { variable: "SALLYPORT_AGENT_SITE_PORT", port: 4726, use: "agent site" },
  { variable: "SALLYPORT_CONTROL_PORT", port: 4730, use: "control channel" },
  { variable: "SALLYPORT_TUNNEL_PORT", port: 4433, use: "tunnel listener" },
  { variable: "SALLYPORT_METRICS_PORT", port: 9464, use: "gateway metrics" },
];

/** The ports in force, by variable name. Refuses what is no port, and the same port twice. */
export function readPorts(environment) {
  const seen = new Map();
  const entries = known.map(({ variable, port, use }) => {
    const text = environment[variable] || String(port);
    const value = Number(text);
    if (!/^[0-9]{1,5}$/.test(text) || value < 1 || value > 65_535) throw new StartError(`${variable} is "${text}"; expected a port number from 1 to 65535.`);
    if (seen.has(value)) throw new StartError(`${variable} and ${seen.get(value)} both name port ${value}; give each its own.`);
    seen.set(value, variable);
    return { variable, port: value, use };
  });
  return entries;
}

/** Refuses, naming every port that another program holds and the variable that changes it. */
export async function requireFreePorts(ports) {
  const problems = [];
  for (const { variable, port, use } of ports) {
    const code = await listenError(port);
    if (code === "EADDRINUSE") problems.push(`port ${port} (${use}) is in use by another program; stop it, or set ${variable} to another port`);
    else if (code === "EACCES") problems.push(`port ${port} (${use}) may not be opened by this user; set ${variable} to a port above 1023`);
    else if (code) problems.push(`port ${port} (${use}) cannot be opened (${code}); set ${variable} to another port`);
  }
  if (problems.length > 0) throw new StartError(`Sallyport cannot start: ${problems.join("; ")}.`);
}

/** Tries loopback and every address: a listener on either is in our way. */
async function listenError(port) {
  for (const host of ["127.0.0.1", "0.0.0.0", "::"]) {
    const code = await tryListen(host, port);
    if (code === "EAFNOSUPPORT" || code === "EADDRNOTAVAIL") continue; // no IPv6 here
    if (code) return code;
  }
  return undefined;
}

function tryListen(host, port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", (error) => resolve(error.code));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

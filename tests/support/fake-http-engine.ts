/** An HTTP engine that answers every connection on its socket with one line and speaks the engines' protocol; for tests of the supervisor alone. */
import net from "node:net";
import type { EngineCommand, EngineMessage } from "../../gateway-worker/engine-messages.ts";

let [revision, connections] = [0, 0];
let server: net.Server | undefined;
const heard: string[] = [];
const prepared = new Map<number, { revision: number; socket: string | null }>();
const send = (message: EngineMessage): void => void process.send?.(message);
const nothing = { tunnels: 0, bytesUp: 0, bytesDown: 0, handshakes: 0, handshakesResumed: 0, refused: 0, tunnelsOpened: 0, residentBytes: 1, loopDelayMaxMs: 0, channels: 0 };

function report(): void {
  send({ kind: "report", revision, accessVersion: 0, isDraining: false, counters: { ...nothing, connections }, listeners: [], refusals: [], refusalsDropped: 0, channels: [], relays: [], tunnels: [], logs: heard.splice(0).map((message) => ({ at: new Date().toISOString(), level: "info", message, fields: {} })), services: [], dials: [], sticky: [] });
}

process.on("message", (command: EngineCommand) => {
  if (command.kind === "prepare") {
    const { snapshot, httpSocket } = command;
    heard.push(`http engine: prepare ${snapshot.revision}, ${snapshot.virtualServices.length} services, ${JSON.stringify(command).includes("PRIVATE KEY") ? "a private key" : "no private key"}`);
    prepared.set(command.id, { revision: snapshot.revision, socket: httpSocket });
    send({ kind: "prepared", id: command.id, problems: snapshot.gatewayName === "refuse http" ? [{ path: "virtualServices[0]", code: "test", message: "the HTTP engine does not like it" }] : [] });
  } else if (command.kind === "commit") {
    const next = prepared.get(command.prepared);
    revision = next?.revision ?? 0;
    if (!server && next?.socket) {
      server = net.createServer((socket) => {
        connections += 1;
        socket.on("error", () => {}).on("close", () => { connections -= 1; }).write(`http engine ${process.pid}\n`);
      }).listen(next.socket);
    }
    send({ kind: "committed", id: command.id, revision });
  } else if (command.kind === "members") heard.push(`http engine: members ${command.isFull ? "full " : ""}${command.verdicts.map((verdict) => `${verdict.memberId.slice(-1)}=${verdict.isUp ? "up" : "down"}+${verdict.elsewhere}`).join(",")} active ${command.actives.map((active) => active.memberId.slice(-1)).join(",")}`);
  else if (command.kind === "sticky") heard.push(`http engine: sticky ${command.entries.map((entry) => entry.key).join(",")}`);
  else if (command.kind === "drain") send({ kind: "drained", id: command.id, tunnelsCut: 0 });
  else if (command.kind === "report") report();
});
process.on("disconnect", () => process.exit(0));
setInterval(report, 200);
send({ kind: "hello", pid: process.pid, runtime: `Node ${process.versions.node}` });

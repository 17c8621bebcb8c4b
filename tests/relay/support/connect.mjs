/** A ProxyCommand as any orchestrator could write it: HTTP CONNECT over TLS at a gateway's inside listener, with an API key. connect.mjs HOST PORT */
import fs from "node:fs";
import tls from "node:tls";

const [host, port] = process.argv.slice(2);
const { INSIDE_ADDRESS, INSIDE_PORT, INSIDE_NAME, INSIDE_CA, INSIDE_KEY } = process.env;
const socket = tls.connect({ host: INSIDE_ADDRESS, port: Number(INSIDE_PORT), servername: INSIDE_NAME, ca: fs.readFileSync(INSIDE_CA) }, () => socket.write(`CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\nProxy-Authorization: Bearer ${INSIDE_KEY}\r\n\r\n`));
let head = Buffer.alloc(0);
const fail = (why) => {
  process.stderr.write(`connect: ${why}\n`);
  process.exit(255);
};
socket.on("error", (error) => fail(error.message));
const onData = (chunk) => {
  head = Buffer.concat([head, chunk]);
  const end = head.indexOf("\r\n\r\n");
  if (end < 0) return;
  if (!head.toString("latin1").startsWith("HTTP/1.1 200 ")) return;
  socket.off("data", onData).off("end", refused);
  process.stdout.write(head.subarray(end + 4));
  process.stdin.pipe(socket);
  socket.on("end", () => process.exit(0));
  socket.pipe(process.stdout);
};
const refused = () => fail(head.toString("latin1").replaceAll("\r\n", " "));
socket.on("data", onData).on("end", refused);

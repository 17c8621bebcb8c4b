/** Bytes to and from a TLS or plain port, for tests that must see exactly what is on the wire; and a member that records exactly what it gets. */
import net from "node:net";
import tls from "node:tls";

/** Sends the bytes over a new TLS connection and returns all that came back until the end, or until `quietMs` passed without a byte after the first. */
export async function exchange(to: { port: number; ca?: string; serverName?: string; plain?: boolean }, bytes: Buffer, quietMs = 1_500): Promise<Buffer> {
  const socket = to.plain ? net.connect({ host: "127.0.0.1", port: to.port }) : tls.connect({ host: "127.0.0.1", port: to.port, servername: to.serverName ?? "localhost", ...(to.ca ? { ca: to.ca } : { rejectUnauthorized: false }) });
  return await new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let timer = setTimeout(finish, 5_000);
    function finish(): void {
      clearTimeout(timer);
      socket.destroy();
      resolve(Buffer.concat(chunks));
    }
    socket.once(to.plain ? "connect" : "secureConnect", () => socket.write(bytes));
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      clearTimeout(timer);
      timer = setTimeout(finish, quietMs);
    });
    socket.on("end", finish).on("close", finish).on("error", finish);
  });
}

export type RecordingMember = { port: number; /** Everything each connection sent, in order of arrival. */ taken: () => Buffer[]; forget: () => void; answer: (raw: string) => void; close: () => Promise<void> };

/** Answers each complete request head (and the body its framing announces) with the raw answer set last, then closes. */
export async function recordingMember(): Promise<RecordingMember> {
  let connections: Buffer[][] = [];
  let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
  const open = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    const chunks: Buffer[] = [];
    connections.push(chunks);
    open.add(socket);
    let isAnswered = false;
    socket.on("error", () => socket.destroy()).on("close", () => open.delete(socket));
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      if (isAnswered || !isComplete(Buffer.concat(chunks).toString("latin1"))) return;
      isAnswered = true;
      socket.end(Buffer.from(answer, "latin1"));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    taken: () => connections.map((chunks) => Buffer.concat(chunks)).filter((bytes) => bytes.length > 0),
    forget: () => (connections = []),
    answer: (raw) => (answer = raw),
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function isComplete(text: string): boolean {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const head = text.slice(0, end).toLowerCase();
  const body = text.slice(end + 4);
  if (/\r\ntransfer-encoding:[^\r]*chunked/.test(head)) return /(?:^|\r\n)0\r\n(?:[^\r\n]+\r\n)*\r\n$/.test(body);
  return body.length >= Number(/\r\ncontent-length: *(\d+)/.exec(head)?.[1] ?? 0);
}

export type HttpMessage = { start: string; fields: [string, string][]; body: string };

/** Splits one HTTP/1.1 message; the body with its chunks put together. Undefined when it is none. */
export function parseMessage(bytes: Buffer): HttpMessage | undefined {
  const text = bytes.toString("latin1");
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [start = "", ...lines] = text.slice(0, end).split("\r\n");
  const fields = lines.map((line): [string, string] => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]);
  const rest = text.slice(end + 4);
  return { start, fields, body: fields.some(([name, value]) => name === "transfer-encoding" && /chunked/i.test(value)) ? unchunk(rest) : rest };
}

function unchunk(text: string): string {
  let out = "";
  for (let at = 0; ; ) {
    const line = text.indexOf("\r\n", at);
    const size = Number.parseInt(text.slice(at, line), 16);
    if (line < 0 || !Number.isFinite(size) || size === 0) return out;
    out += text.slice(line + 2, line + 2 + size);
    at = line + 2 + size + 2;
  }
}

/**
 * The server behind the gateways in the benchmarks: plain TCP. The first line says what is wanted: `D <bytes>` sends that many bytes and ends,
 * `U <bytes>` reads that many and answers with the count, `E` answers one byte and stays, `P` sends back all that follows.
 */
import { createServer, type Socket } from "node:net";

const block = Buffer.alloc(256 * 1024, 0x5a);

const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
  socket.on("error", () => socket.destroy());
  socket.once("data", (first: Buffer) => {
    const end = first.indexOf(10);
    const [verb, amount] = first.subarray(0, end).toString().split(" ");
    if (verb === "D") send(socket, Number(amount));
    else if (verb === "U") count(socket, first.length - end - 1, Number(amount));
    else if (verb === "P") void socket.pipe(socket);
    else socket.on("end", () => socket.end()).resume().write("!");
  });
});

function send(socket: Socket, bytes: number): void {
  let left = bytes;
  const pump = (): void => {
    while (left > 0) {
      const size = Math.min(left, block.length);
      left -= size;
      if (!socket.write(size === block.length ? block : block.subarray(0, size))) return void socket.once("drain", pump);
    }
    socket.end();
  };
  pump();
}

function count(socket: Socket, already: number, expected: number): void {
  let total = already;
  socket.on("data", (chunk: Buffer) => {
    total += chunk.length;
    if (total >= expected) socket.end(String(total));
  });
}

server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.stdout.write(`${typeof address === "object" ? address?.port : ""}\n`);
});
process.stdin.on("end", () => process.exit(0)).resume();

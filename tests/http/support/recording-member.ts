/** A member that keeps the bytes of each connection as they came, and answers by a script of the test. */
import net from "node:net";

/** Bytes that came so far on one connection and what to do with them: called with every further chunk. */
export type Script = (socket: net.Socket, bytes: string) => void;

export class RecordingMember {
  readonly server: net.Server;
  /** One entry per connection, latin1. */
  readonly connections: string[] = [];
  readonly sockets = new Set<net.Socket>();
  script: Script;

  private constructor(script: Script) {
    this.script = script;
    this.server = net.createServer({ allowHalfOpen: false }, (socket) => {
      const index = this.connections.push("") - 1;
      this.sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => this.sockets.delete(socket));
      socket.on("data", (chunk: Buffer) => {
        this.connections[index] += chunk.toString("latin1");
        this.script(socket, this.connections[index] ?? "");
      });
    });
  }

  static async start(script: Script = () => undefined): Promise<RecordingMember> {
    const member = new RecordingMember(script);
    await new Promise<void>((resolve) => member.server.listen(0, "127.0.0.1", resolve));
    return member;
  }

  get port(): number {
    return (this.server.address() as net.AddressInfo).port;
  }

  /** Everything that came, all connections. */
  get all(): string {
    return this.connections.join("");
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

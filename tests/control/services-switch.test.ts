/** One switch in the console, and what it does to clients that are connected: mode, drain, disable, and the end of connections when somebody asks for it. */
import "../support/with-database.ts";
import net from "node:net";
import tls from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serviceCreate, serviceUpdate } from "../../contract/service-objects.ts";
import { issueForService } from "../../server/services/certificate/issue-for-service.ts";
import { setMemberState } from "../../server/services/pool/set-member-state.ts";
import { openKey } from "../../server/services/seal.ts";
import { createService } from "../../server/services/virtual-service/create.ts";
import { getService } from "../../server/services/virtual-service/get.ts";
import { updateService } from "../../server/services/virtual-service/update.ts";
import { ControlBench } from "../support/control-bench.ts";
import { freePort, until } from "../support/sockets.ts";

let bench: ControlBench;
let gateway: { id: string; port: number };
const servers: net.Server[] = [];

beforeAll(async () => {
  bench = await ControlBench.start();
  gateway = await bench.gateway();
  const worker = bench.worker({ token: await bench.token(gateway.id), environment: { SALLYPORT_ENGINES: "2" } });
  await worker.serving();
});

afterAll(async () => {
  await bench.close();
  for (const server of servers) server.close();
});

async function listen(server: net.Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as net.AddressInfo).port;
}

/** Echoes in plain text what comes in plain text; a member behind off-loading. */
const plainEcho = () => listen(net.createServer((socket) => socket.on("error", () => {}).pipe(socket)));

async function applied(): Promise<void> {
  await until(async () => {
    const row = await bench.db.gateway.findUniqueOrThrow({ where: { id: gateway.id } });
    if (row.refusedRevision === row.revision) throw new Error(`refused: ${JSON.stringify(row.problems)}`);
    return row.appliedRevision === row.revision;
  }, "the gateway runs what the console wants", 15_000);
}

class Client {
  readonly socket: net.Socket;
  #text = "";
  isEnded = false;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.setEncoding("utf8").on("data", (text: string) => (this.#text += text)).on("error", () => {}).on("close", () => (this.isEnded = true));
  }

  /** Sends a line and waits for its echo. */
  async echoes(line: string): Promise<void> {
    this.socket.write(`${line}\n`);
    await until(() => this.#text.includes(`${line}\n`), `the echo of "${line}"`, 5_000);
  }

  /** Fingerprint of what the server presented. */
  get presented(): string {
    return this.socket instanceof tls.TLSSocket ? this.socket.getPeerX509Certificate()?.fingerprint256.replaceAll(":", "").toLowerCase() ?? "" : "";
  }
}

async function connect(port: number, servername?: string): Promise<Client> {
  const socket = servername === undefined ? net.connect(port, "127.0.0.1") : tls.connect({ port, host: "127.0.0.1", servername, rejectUnauthorized: false });
  const client = new Client(socket);
  await new Promise<void>((resolve, reject) => socket.once(servername === undefined ? "connect" : "secureConnect", resolve).once("error", reject));
  return client;
}

async function make(change: object, ports: number[]) {
  const port = await freePort();
  const name = `service ${port}`;
  const members = ports.map((memberPort, index) => ({ name: `m${index + 1}`, host: "127.0.0.1", port: memberPort }));
  const input = serviceCreate.parse({ name, gatewayIds: [gateway.id], address: "127.0.0.1", port, pool: { name: `${name} pool`, healthCheck: { kind: "none" }, members }, ...change });
  const { id } = await createService(bench.caller, input);
  await applied();
  return { id, port, name, detail: await getService(bench.caller, { id }) };
}

describe("a live service", () => {
  it("switches its mode with one field: established connections stay on the old, the next ones find the new, other services notice nothing [S2-03] [S2-04] [S2-07] [S2-13] [S2-15]", { timeout: 60_000 }, async () => {
    const own = await issueForService(bench.caller, { name: "Switch", names: ["switch.example.com"], keyType: "ec-p256" });
    const certificate = await bench.db.certificate.findUniqueOrThrow({ where: { id: own.id } });
    const member = await issueForService(bench.caller, { name: "Member", names: ["switch.example.com"], keyType: "ec-p256" });
    const memberRow = await bench.db.certificate.findUniqueOrThrow({ where: { id: member.id } });
    const memberPort = await listen(tls.createServer({ cert: memberRow.chainPem, key: openKey(memberRow.sealedKey ?? new Uint8Array()) }, (socket) => socket.on("error", () => {}).pipe(socket)));
    const other = await make({ mode: "tcp" }, [await plainEcho()]);
    const bystander = await connect(other.port);
    await bystander.echoes("before");

    const service = await make({ mode: "tls-passthrough", serverNames: ["switch.example.com"], certificateIds: [own.id] }, [memberPort]);
    const passed = await connect(service.port, "switch.example.com");
    await passed.echoes("through");
    expect(passed.presented).toBe(memberRow.fingerprint);

    const { address, serverNames } = service.detail;
    const settings = { id: service.id, name: service.name, address, port: service.port, serverNames, gatewayIds: [gateway.id], poolId: service.detail.pool.id, certificateIds: [own.id] };
    await updateService(bench.caller, serviceUpdate.parse({ ...settings, version: 0, mode: "tls-reencrypt" }));
    await applied();
    const reencrypted = await connect(service.port, "switch.example.com");
    await reencrypted.echoes("again");
    expect(reencrypted.presented).toBe(certificate.fingerprint);
    await passed.echoes("still through");
    await bystander.echoes("after");
    for (const client of [passed, reencrypted, bystander]) client.socket.destroy();
  });

  it("drains a member without touching what is connected, and ends its connections when asked, those of that member only", { timeout: 60_000 }, async () => {
    const service = await make({ mode: "tcp" }, [await plainEcho(), await plainEcho()]);
    const poolId = service.detail.pool.id;
    const [first, second] = service.detail.poolDetail.members;
    const old = await connect(service.port);
    await old.echoes("one");
    await setMemberState(bench.caller, { poolId, memberId: first?.id ?? "", state: "drain", cuts: false });
    await applied();
    const fresh = await connect(service.port);
    await fresh.echoes("two");
    await old.echoes("still there");
    await setMemberState(bench.caller, { poolId, memberId: first?.id ?? "", state: "disabled", cuts: true });
    await until(() => old.isEnded, "the connection to the disabled member ends", 5_000);
    await fresh.echoes("not touched");
    await setMemberState(bench.caller, { poolId, memberId: second?.id ?? "", state: "disabled", cuts: false, confirmName: "m2" });
    await applied();
    await fresh.echoes("and goes on");
    const refused = await connect(service.port);
    await until(() => refused.isEnded, "a new client is turned away", 5_000);
    fresh.socket.destroy();
  });
});

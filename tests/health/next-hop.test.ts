/** A mail proxy in front of an MTA: nginx (stream) before a real postfix. The three states of N6, with two intervals to tell them apart. */
import { randomUUID } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import type { MemberHealth } from "../../contract/health-check.ts";
import { snapshotPool, type SnapshotPool } from "../../contract/pool.ts";
import { HealthRunner } from "../../gateway-worker/supervisor/health/runner.ts";
import { type Daemon, hasNginxStream, startNginx } from "../support/daemons.ts";
import { hasPostfix, type Mta, startPostfix } from "../support/mail.ts";
import { freePort, until } from "../support/sockets.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const intervalMs = 2_000;
const canRun = hasPostfix && hasNginxStream;
const why = canRun ? "" : " (skipped: needs root, postfix and nginx with its stream module)";

async function startFront(port: number, mtaPort: number): Promise<Daemon> {
  const front = await startNginx({ stream: `server { listen 127.0.0.1:${port}; proxy_pass 127.0.0.1:${mtaPort}; proxy_connect_timeout 1s; }`, ports: [port] });
  closers.push(front.stop);
  return front;
}

type Site = { mta: Mta; front: Daemon; frontPort: number; mtaPort: number };

async function startSite(): Promise<Site> {
  const [frontPort, mtaPort] = [await freePort(), await freePort()];
  const mta = await startPostfix({ port: mtaPort });
  closers.push(mta.remove);
  return { mta, front: await startFront(frontPort, mtaPort), frontPort, mtaPort };
}

function mailPool(options: { port: number; nextHop: { host: string; port: number; takesMemberOut?: boolean } | null; memberId?: string }): SnapshotPool {
  return snapshotPool.parse({
    id: randomUUID(),
    name: "mail",
    healthCheck: { kind: "smtp", intervalMs, timeoutMs: 1_000, rise: 2, fall: 3, nextHop: options.nextHop },
    members: [{ id: options.memberId ?? randomUUID(), name: "mail1", host: "127.0.0.1", port: options.port }],
  });
}

function watch(pool: SnapshotPool): { runner: HealthRunner; changes: MemberHealth[]; memberId: string } {
  const changes: MemberHealth[] = [];
  const runner = new HealthRunner({ onChange: (health) => void changes.push(health) });
  closers.push(() => runner.stop());
  runner.watch([pool]);
  return { runner, changes, memberId: pool.members[0]?.id ?? "" };
}

/** Milliseconds until the newest change has this state. */
async function timeTo(changes: MemberHealth[], state: MemberHealth["state"]): Promise<number> {
  const began = performance.now();
  await until(() => changes.at(-1)?.state === state, `the member becomes ${state}; it is ${changes.at(-1)?.state ?? "unknown"}: ${changes.at(-1)?.cause ?? ""}`, 4 * intervalMs);
  return performance.now() - began;
}

describe.skipIf(!canRun)(`a mail proxy with a next hop${why}`, () => {
  it("says next hop down when the MTA stops, down when the proxy stops, and up again, each within two intervals [N6] [S3-16] [S3-17] [S3-18] [S3-19]", async () => {
    const { mta, front, frontPort, mtaPort } = await startSite();
    const { runner, changes, memberId } = watch(mailPool({ port: frontPort, nextHop: { host: "127.0.0.1", port: mtaPort } }));
    await timeTo(changes, "up");

    await mta.stop();
    expect(await timeTo(changes, "next-hop")).toBeLessThan(2 * intervalMs);
    expect(changes.at(-1)?.cause).toBe(`mail1: up; next hop 127.0.0.1:${mtaPort} refused the connection when this gateway probed it; 127.0.0.1:${frontPort} closed the connection before its greeting came`);
    expect(runner.isUsable(memberId)).toBe(true);

    await mta.start();
    expect(await timeTo(changes, "up")).toBeLessThan(2 * intervalMs);
    expect(changes.at(-1)?.cause).toBe("mail1: up");

    await front.stop();
    expect(await timeTo(changes, "down")).toBeLessThan(2 * intervalMs);
    expect(changes.at(-1)?.cause).toBe(`mail1: down; 127.0.0.1:${frontPort} refused the connection`);
    expect(runner.isUsable(memberId)).toBe(false);

    await startFront(frontPort, mtaPort);
    expect(await timeTo(changes, "up")).toBeLessThan(2 * intervalMs);
    expect(changes.map((change) => change.state)).toEqual(["up", "next-hop", "up", "down", "up"]);
  }, 60_000);

  it("takes the member out for its next hop only where the service says so [N6] [S3-18]", async () => {
    const { mta, frontPort, mtaPort } = await startSite();
    const { runner, changes, memberId } = watch(mailPool({ port: frontPort, nextHop: { host: "127.0.0.1", port: mtaPort, takesMemberOut: true } }));
    await timeTo(changes, "up");
    expect(runner.isUsable(memberId)).toBe(true);
    await mta.stop();
    await timeTo(changes, "next-hop");
    expect(runner.isUsable(memberId)).toBe(false);
  }, 60_000);

  it("sees the dead next hop of a member that still greets by itself [S3-19]", async () => {
    const mtaPort = await freePort();
    const own = await startPostfix({ port: await freePort() });
    closers.push(own.remove);
    const { changes } = watch(mailPool({ port: own.port, nextHop: { host: "127.0.0.1", port: mtaPort } }));
    await timeTo(changes, "next-hop");
    expect(changes.at(-1)?.cause).toBe(`mail1: up; next hop 127.0.0.1:${mtaPort} refused the connection when this gateway probed it; mail1 itself still answers`);
  }, 60_000);

  it("calls the same proxy down when no next hop is configured [S3-17]", async () => {
    const { mta, frontPort } = await startSite();
    const { changes } = watch(mailPool({ port: frontPort, nextHop: null }));
    await timeTo(changes, "up");
    await mta.stop();
    await timeTo(changes, "down");
    expect(changes.at(-1)?.cause).toBe(`mail1: down; 127.0.0.1:${frontPort} closed the connection before its greeting came`);
  }, 60_000);
});

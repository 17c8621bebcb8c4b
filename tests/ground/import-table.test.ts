/** DESIGN section 7, as a test: who may import whom. Tests may import anything and nothing imports them. */
import { describe, expect, it } from "vitest";
import { type Import, importsOf, readSource, sourceFiles } from "../support/source-files.ts";

type Room = {
  /** Files of the room; the first room whose pattern fits owns a file. */
  files: RegExp;
  name: string;
  /** Own files (paths from the root) that the room may import. */
  own: readonly RegExp[];
  /** Own files of which only types may be imported. */
  ownTypes?: readonly RegExp[];
  /** Packages of which only types may be imported, beside `packages`. */
  packageTypes?: readonly RegExp[];
  /** Packages that the room may import; undefined allows all that `never` does not name. */
  packages?: readonly RegExp[];
  never?: readonly RegExp[];
};

const contract = /^contract\//;
const serverGround = /^server\/(env|log|errors|version|project-root)\.ts$/;
const database = /^(@prisma\/|pg$|prisma$)/;
const pages = /^(react|react-dom|next)$/;
const builtIn = /^node:/;

/** Doors: what a caller may ask. They parse, check and call a service; rules and rows are the services'. The database's handle they only hand on (the test below). */
const door = { own: [contract, serverGround, /^server\/services\//, /^server\/(http|db|readiness)\.ts$/], never: [/^@prisma\//, /^node-forge$/, pages] };

const rooms: readonly Room[] = [
  { name: "contract", files: /^contract\//, own: [contract], packages: [/^zod$/] },
  { name: "app's server side", files: /^app\/(_trpc\/rsc\.tsx?|api\/)/, own: [/^app\//, contract, /^server\/(auth|trpc|rest|services)\//, serverGround, /^server\/db\.ts$/], never: [database, /^node-forge$/] },
  { name: "app", files: /^app\//, own: [/^app\//, contract], ownTypes: [/^server\/trpc\/root\.ts$/], packageTypes: [/^@trpc\/server$/], never: [database, /^node-forge$/, /^@trpc\/server$/] },
  { name: "server/trpc", files: /^server\/trpc\//, ...door, own: [...door.own, /^server\/trpc\//, /^server\/auth\//] },
  { name: "server/rest", files: /^server\/rest\//, ...door, own: [...door.own, /^server\/rest\//, /^server\/trpc\//, /^server\/auth\//] },
  { name: "server/auth", files: /^server\/auth\//, ...door, own: [...door.own, /^server\/auth\//, /^server\/trpc\/errors\.ts$/] },
  { name: "server/control", files: /^server\/control\//, ...door, own: [...door.own, /^server\/control\//] },
  { name: "server/agent-site", files: /^server\/agent-site\//, ...door, own: [...door.own, /^server\/agent-site\//] },
  { name: "server/services", files: /^server\/services\//, own: [contract, serverGround, /^server\/services\//, /^server\/db\.ts$/, /^server\/pki\//], never: [pages, /^@trpc\//, /^node-forge$/] },
  { name: "server/pki", files: /^server\/pki\//, own: [contract, /^server\/pki\//, /^server\/errors\.ts$/], packages: [/^node-forge$/, /^@peculiar\/x509$/, /^reflect-metadata$/, /^node:(crypto|buffer|fs|net|path|tls|util|worker_threads)$/] },
  { name: "server/jobs", files: /^server\/jobs\//, own: [contract, serverGround, /^server\/jobs\//, /^server\/services\//], never: [database, pages, /^@trpc\//] },
  { name: "gateway-worker/net", files: /^gateway-worker\/net\//, own: [/^gateway-worker\/net\//], packages: [builtIn] },
  {
    name: "the stream engine",
    files: /^gateway-worker\/(stream|routing|runtime|pools|upstream)\//,
    own: [contract, /^gateway-worker\/(stream|routing|runtime|pools|upstream|net|observe)\//, /^gateway-worker\/(engine-messages|engine-hand-over|errors)\.ts$/],
    packages: [builtIn],
    never: [/^node:(http2|sqlite|sea)$/],
  },
  // One file on plain Node or Bun: no packages but the contract's zod.
  { name: "the relay", files: /^gateway-worker\/relay\//, own: [contract, /^gateway-worker\/((relay|stream|upstream|net)\/|errors\.ts$)/], packages: [builtIn, /^zod$/], never: [/^node:(http2|sqlite|sea)$/] },
  { name: "gateway-worker", files: /^gateway-worker\//, own: [contract, /^gateway-worker\//], packages: [builtIn, /^(ws|zod|prom-client|pino|jose|reflect-metadata)$/, /^@trpc\/client$/, /^@peculiar\/x509$/], packageTypes: [/^@trpc\/server$/] },
  { name: "agent", files: /^agent\//, own: [/^agent\//, contract, /^gateway-worker\/net\//], packages: [builtIn, /^(zod|ws|jose|tar-stream|commander|reflect-metadata)$/, /^@peculiar\/x509$/] },
  { name: "cli", files: /^cli\//, own: [/^cli\//, contract], packages: [builtIn, /^(zod|commander)$/] },
];

const files = sourceFiles(["app", "server", "contract", "gateway-worker", "agent", "cli"]).filter((file) => !/\.test\.tsx?$/.test(file));

function roomOf(file: string): Room | undefined {
  return rooms.find((room) => room.files.test(file));
}

function isAllowed(room: Room, { to, isOwn, isType }: Import): boolean {
  const fits = (patterns: readonly RegExp[] | undefined) => patterns?.some((pattern) => pattern.test(to)) ?? false;
  if (isOwn) return fits(room.own) || (isType && fits(room.ownTypes)) || /\.(css|json|svg|sql|md)$/.test(to);
  if (isType && fits(room.packageTypes)) return true;
  return !fits(room.never) && (room.packages === undefined || fits(room.packages));
}

describe("the import table", () => {
  it.each(rooms.map((room) => [room.name, room] as const))("holds for %s", (_name, room) => {
    const broken = files.filter((file) => roomOf(file) === room).flatMap(importsOf).filter((found) => !isAllowed(room, found));
    expect(broken.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });

  it("keeps queries out of the doors: they call services", () => {
    const query = /\b(db|database|tx)(\(\))?\.\w+\.(find|create|update|delete|upsert|count|aggregate|groupBy)\w*\(|\$transaction\(/;
    // better-auth keeps its own tables; server/auth/better-auth.ts hands it the client.
    const doors = files.filter((file) => /^server\/(trpc|rest|auth|control|agent-site)\//.test(file));
    expect(doors.filter((file) => query.test(readSource(file)))).toEqual([]);
  });

  it("reads the environment in one file per program", () => {
    const readers = ["server/env.ts", "gateway-worker/config.ts", "gateway-worker/relay/config.ts", "agent/config.ts", "cli/config.ts"];
    expect(files.filter((file) => !readers.includes(file) && /\bprocess\.env\b/.test(readSource(file)))).toEqual([]);
  });

  it("lets nothing import tests, bench or scripts", () => {
    const broken = files.flatMap(importsOf).filter(({ to, isOwn }) => isOwn && /^(tests|bench|scripts)\//.test(to));
    expect(broken.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });
});

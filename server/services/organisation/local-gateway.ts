/** The gateway that `npm start` runs next to the console: made here, and given its enrolment token in a file of the data directory (0600). */
import fs from "node:fs";
import path from "node:path";
import type { Db, Tx } from "../../db.ts";
import { env } from "../../env.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { createToken } from "../token/create.ts";

export const localGatewayName = "Local gateway";
const tokenMs = 24 * 3_600_000;

/** Makes the local gateway when there is none, and a fresh token while it has not enrolled, or when its state was deleted since. */
export async function ensureLocalGateway(database: Db, caller: Caller): Promise<void> {
  const file = path.join(env().SALLYPORT_DATA, "local-gateway.token");
  const token = await database.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT id FROM "Organisation" WHERE id = ${caller.organisationId}::uuid FOR NO KEY UPDATE`;
    const gateway = await findOrCreate(tx, caller);
    if (gateway.enrolledAt !== null && (hasState() || fs.existsSync(file))) return null;
    await tx.enrolmentToken.updateMany({ where: { organisationId: caller.organisationId, gatewayId: gateway.id, revokedAt: null, uses: 0 }, data: { revokedAt: new Date() } });
    return createToken(tx, caller, { kind: "gateway", gatewayId: gateway.id, expiresAt: new Date(Date.now() + tokenMs), host: "localhost" });
  });
  if (token) writePrivate(file, `${token.text}\n`);
}

/** The folder in which the local gateway keeps its identity (SALLYPORT_GATEWAY_DIR of `npm start`). */
function hasState(): boolean {
  return fs.existsSync(path.join(env().SALLYPORT_DATA, "gateway"));
}

async function findOrCreate(tx: Tx, caller: Caller): Promise<{ id: string; enrolledAt: Date | null }> {
  const { organisationId } = caller;
  const nameKey = localGatewayName.toLowerCase();
  const existing = await tx.gateway.findUnique({ where: { organisationId_nameKey: { organisationId, nameKey } }, select: { id: true, enrolledAt: true } });
  if (existing) return existing;
  const port = env().SALLYPORT_TUNNEL_PORT;
  const server = await tx.server.findFirst({ where: { organisationId, isAgentSite: true }, select: { id: true } });
  const gateway = await tx.gateway.create({
    data: {
      organisationId, name: localGatewayName, nameKey, publicNames: ["localhost"], publicPort: port,
      listeners: { create: [{ ordinal: 0, address: "::", port }] },
      ...(server ? { servers: { create: [{ serverId: server.id }] } } : {}),
    },
    select: { id: true, enrolledAt: true },
  });
  await recordAudit(tx, caller, { action: "gateway.create", target: { kind: "gateway", id: gateway.id, name: localGatewayName } });
  return gateway;
}

/** Writes a file that only its owner reads, whole or not at all. */
export function writePrivate(file: string, text: string): void {
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}.draft`;
  fs.writeFileSync(draft, text, { mode: 0o600, flush: true });
  fs.renameSync(draft, file);
}

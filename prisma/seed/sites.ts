/** Sites and servers: offices with subnets, site servers in the default internet site. */
import { numbered, type Seed, minutesBefore, towns } from "./seed.ts";

export async function seedSites({ db, organisationId, rows, random, ...rest }: Seed): Promise<{ serverIds: string[] }> {
  const seed = { db, organisationId, rows, random, ...rest };
  const sites = Array.from({ length: rows }, (_unused, index) => {
    const name = numbered(`${towns[index % towns.length]} office`, index, rows);
    return { id: random.uuid(), organisationId, name, nameKey: name.toLowerCase(), kind: "intranet" as const, subnets: [`10.${index % 250}.${Math.floor(index / 250) * 64}.0/18`, ...(index % 5 === 0 ? [`2001:db8:${(index + 1).toString(16)}::/48`] : [])], createdAt: minutesBefore(seed, random.below(500_000)) };
  });
  await db.site.createMany({ data: sites });
  const internet = await db.site.findFirst({ where: { organisationId, kind: "internet" }, select: { id: true } });
  const servers = Array.from({ length: rows }, (_unused, index) => {
    const host = `${rows <= 3 ? "depot" : `depot-${String(index + 1).padStart(3, "0")}`}-${(towns[index % towns.length] ?? "").toLowerCase().normalize("NFKD").replace(/[^a-z]/g, "")}.corp.example.com`;
    const name = numbered(`${towns[index % towns.length]} depot`, index, rows);
    const isReady = random.next() > 0.2;
    return { id: random.uuid(), organisationId, name, nameKey: name.toLowerCase(), kind: "site" as const, names: [host], ports: [4726], addresses: index % 3 === 0 ? [`10.${index % 250}.0.20`] : [], installCertificate: index % 2 === 0, isReady, readyCheckedAt: minutesBefore(seed, random.below(600)), readyDetail: isReady ? `${host}:4726 answers TLSv1.3 with a certificate for ${host}, issued by this organisation's CA.` : `${host}:4726 at 10.${index % 250}.0.20: connection refused.`, createdAt: minutesBefore(seed, random.below(400_000)) };
  });
  await db.server.createMany({ data: servers });
  if (internet) await db.serverSite.createMany({ data: servers.map((server) => ({ serverId: server.id, siteId: internet.id })) });
  return { serverIds: servers.map((server) => server.id) };
}

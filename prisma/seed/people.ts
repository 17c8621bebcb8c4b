/** People, API keys and bundles. The people cannot sign in: they have no password. */
import { minutesBefore, numbered, type Seed } from "./seed.ts";

const names = ["Ana Martins", "Björn Åkesson", "Chiara Conti", "Dušan Petrović", "Elif Kaya", "Fionn O'Brien", "Greta Vogel", "Henri Laurent", "Iveta Nováková", "Jonas Maes"] as const;
const roles = ["administrator", "operator", "auditor"] as const;

export async function seedPeople(seed: Seed, groupIds: readonly string[]): Promise<void> {
  const { db, organisationId, rows, random } = seed;
  const people = Array.from({ length: rows }, (_unused, index) => ({ id: `demo-${random.uuid()}`, name: numbered(names[index % names.length] ?? "Somebody", index, rows), email: `demo-${index + 1}-${random.uuid().slice(0, 8)}@example.com` }));
  await db.user.createMany({ data: people });
  await db.membership.createMany({ data: people.map((person, index) => ({ organisationId, userId: person.id, role: roles[index % roles.length] ?? "auditor", lastSeenAt: index % 4 === 0 ? null : minutesBefore(seed, random.below(40_000)) })) });
  await db.apiKey.createMany({ data: Array.from({ length: rows }, (_unused, index) => keyOf(seed, index)) });
  await db.bundle.createMany({
    data: Array.from({ length: rows }, (_unused, index) => {
      const name = numbered("Laptops of the spring", index, rows) + (rows <= 3 ? ` ${index + 1}` : "");
      return { organisationId, name, nameKey: name.toLowerCase(), platform: "linux-x64", usesMax: 25, uses: index % 26, expiresAt: minutesBefore(seed, index % 4 === 3 ? 5_000 : -15_000), revokedAt: index % 9 === 8 ? minutesBefore(seed, 100) : null, groupIds: groupIds.slice(index % groupIds.length, (index % groupIds.length) + 1), stamp: { managementServer: "sallyport.example.com:4726", gateways: ["gw1.lisbon.example.com:443"] }, createdByName: "Ana Martins", createdAt: minutesBefore(seed, 6_000 + index) };
    }),
  });
}

function keyOf(seed: Seed, index: number) {
  const { organisationId, random, rows } = seed;
  const name = numbered("Nightly report", index, rows) + (rows <= 3 ? ` ${index + 1}` : "");
  return { organisationId, name, nameKey: name.toLowerCase(), role: roles[index % roles.length] ?? ("auditor" as const), prefix: `spk_${random.hex(6)}`, secretHash: random.uuid(), createdByName: "Ana Martins", expiresAt: minutesBefore(seed, -80_000), lastUsedAt: index % 2 === 0 ? minutesBefore(seed, random.below(2_000)) : null };
}

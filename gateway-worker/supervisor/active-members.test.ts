import { mkdtempSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { snapshotPool } from "../../contract/pool.ts";
import { ActiveMembers, chooseActive } from "./active-members.ts";

const id = (last: number): string => `00000000-0000-4000-8000-00000000000${last}`;
const pool = snapshotPool.parse({ id: id(9), name: "pool", failsBack: false, members: [1, 2, 3].map((index) => ({ id: id(index), name: `m${index}`, host: "192.0.2.1", port: 100 + index })) });
const except = (...down: string[]) => (memberId: string): boolean => !down.includes(memberId);

describe("the member in use of a fail-over pool that does not fail back", () => {
  it("is the first usable one, and stays when an earlier one comes back [S3-64] [N7]", () => {
    expect(chooseActive(pool.members, undefined, except())).toBe(id(1));
    expect(chooseActive(pool.members, id(1), except(id(1)))).toBe(id(2));
    expect(chooseActive(pool.members, id(2), except())).toBe(id(2));
  });

  it("is left when it is drained, disabled, weighs nothing or was removed, and kept when nobody else can [S3-64] [N7]", () => {
    const second = pool.members.find((member) => member.id === id(2));
    for (const change of [{ state: "drain" as const }, { state: "disabled" as const }, { weight: 0 }]) {
      const members = pool.members.map((member) => (member === second ? { ...member, ...change } : member));
      expect(chooseActive(members, id(2), except())).toBe(id(1));
    }
    expect(chooseActive(pool.members.filter((member) => member !== second), id(2), except())).toBe(id(1));
    expect(chooseActive(pool.members, id(2), () => false)).toBe(id(2));
    expect(chooseActive(pool.members, undefined, () => false)).toBeUndefined();
  });

  it("is the same after a restart [N12]", async () => {
    const dir = mkdtempSync(path.join(os.tmpdir(), "sallyport-actives-"));
    const first = new ActiveMembers(dir);
    expect(first.choose([pool], except(id(1)))).toBe(true);
    expect(first.choose([pool], except())).toBe(false);
    await first.saved();
    const second = new ActiveMembers(dir);
    expect(await second.load()).toBeUndefined();
    expect(second.choose([pool], except())).toBe(false);
    expect(second.all()).toEqual([{ poolId: id(9), memberId: id(2) }]);
    expect(second.choose([{ ...pool, failsBack: true }], except())).toBe(true);
    expect(second.all()).toEqual([]);
  });
});

import { mkdtempSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { snapshotPool, type SnapshotPool } from "../../contract/pool.ts";
import { ActiveMembers } from "./active-members.ts";
import { type MembersCommand, MemberVerdicts } from "./member-verdicts.ts";

const id = (last: number): string => `00000000-0000-4000-8000-00000000000${last}`;
const engines = [0, 1];
let down: Set<string>;
let passive: [string, number | "success"][];
let told: Map<number, MembersCommand[]>;
let counts: Map<string, Map<number, number>>;
let verdicts: MemberVerdicts;

beforeEach(() => {
  [down, passive, told, counts] = [new Set(), [], new Map(engines.map((engine) => [engine, []])), new Map()];
  verdicts = new MemberVerdicts({
    health: { isUsable: (memberId) => !down.has(memberId), passiveFailure: (memberId, row) => void passive.push([memberId, row]), passiveSuccess: (memberId) => void passive.push([memberId, "success"]) },
    actives: new ActiveMembers(mkdtempSync(path.join(os.tmpdir(), "sallyport-verdicts-"))),
    tell: (make) => {
      for (const engine of engines) {
        const command = make(engine);
        if (command) told.get(engine)?.push(command);
      }
    },
    connections: () => counts,
  });
});

function pool(change: object = {}): SnapshotPool {
  return snapshotPool.parse({ id: id(9), name: "pool", members: [1, 2].map((index) => ({ id: id(index), name: `m${index}`, host: "192.0.2.1", port: index })), ...change });
}
const last = (engine: number): MembersCommand | undefined => told.get(engine)?.at(-1);

describe("verdicts on members", () => {
  it("are told whole with a snapshot and to a new engine, and only what changed afterwards [S3-64]", () => {
    verdicts.configure({ pools: [pool()] });
    expect(last(0)).toEqual({ kind: "members", isFull: true, actives: [], verdicts: [1, 2].map((index) => ({ memberId: id(index), isUp: true, elsewhere: 0 })) });
    down.add(id(1));
    verdicts.healthChanged();
    expect(last(1)).toEqual({ kind: "members", isFull: false, actives: [], verdicts: [{ memberId: id(1), isUp: false, elsewhere: 0 }] });
    verdicts.healthChanged();
    expect(told.get(1)).toHaveLength(2);
    expect(verdicts.full(1).verdicts).toEqual([{ memberId: id(1), isUp: false, elsewhere: 0 }, { memberId: id(2), isUp: true, elsewhere: 0 }]);
  });

  it("name one member in use for all engines where a pool does not fail back [S3-64] [N7]", () => {
    verdicts.configure({ pools: [pool({ failsBack: false })] });
    expect(last(0)?.actives).toEqual([{ poolId: id(9), memberId: id(1) }]);
    down.add(id(1));
    verdicts.healthChanged();
    down.clear();
    verdicts.healthChanged();
    expect(last(0)?.actives).toEqual([{ poolId: id(9), memberId: id(2) }]);
  });

  it("count failures in a row over all engines; one success in any of them ends the row", () => {
    verdicts.configure({ pools: [pool()] });
    const dial = (succeeded: number, failed: number, failuresInRow: number) => [{ memberId: id(1), succeeded, failed, failuresInRow, lastFailure: "refused" }];
    verdicts.dialled(dial(0, 2, 2));
    verdicts.dialled(dial(0, 1, 1));
    verdicts.dialled(dial(1, 5, 2));
    verdicts.dialled(dial(3, 1, 0));
    expect(passive).toEqual([[id(1), 2], [id(1), 3], [id(1), "success"], [id(1), 2], [id(1), "success"]]);
    verdicts.dialled([{ memberId: id(7), succeeded: 0, failed: 9, failuresInRow: 9, lastFailure: null }]);
    expect(passive).toHaveLength(5);
  });

  it("say how many connections the other engines hold where that counts, when it changed", () => {
    verdicts.configure({ pools: [pool({ scheduling: "least-connections" })] });
    counts = new Map([[id(1), new Map([[0, 3], [1, 5]])]]);
    verdicts.refreshElsewhere(engines);
    expect([last(0)?.verdicts, last(1)?.verdicts]).toEqual([[{ memberId: id(1), isUp: true, elsewhere: 5 }], [{ memberId: id(1), isUp: true, elsewhere: 3 }]]);
    verdicts.refreshElsewhere(engines);
    expect(told.get(0)).toHaveLength(2);
    verdicts.forget(0);
    expect(verdicts.full(0).verdicts[0]).toMatchObject({ elsewhere: 0 });
    verdicts.configure({ pools: [pool()] });
    verdicts.refreshElsewhere(engines);
    expect(last(0)).toMatchObject({ isFull: true });
  });
});

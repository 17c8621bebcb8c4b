import { describe, expect, it } from "vitest";
import type { ServiceLoad } from "../../contract/virtual-service.ts";
import { ServiceLoads } from "./service-loads.ts";

const load = (serviceId: string, opened: number, connections: number): ServiceLoad => ({ serviceId, connections, opened, refused: 1, requests: 0, responses: [0, opened, 0, 0, 0], bytesUp: opened * 2, bytesDown: 0, members: [{ memberId: "m", connections, opened, failed: 0 }] });

describe("the numbers of services", () => {
  it("are summed over engines, and what a dead one counted stays while its connections go", () => {
    const loads = new ServiceLoads();
    loads.keepOnly(new Set(["a", "b"]));
    loads.take(0, [load("a", 5, 2), load("b", 1, 1)]);
    loads.take(1, [load("a", 10, 4)]);
    expect(loads.all().find(({ serviceId }) => serviceId === "a")).toEqual({ ...load("a", 15, 6), refused: 2 });
    loads.died(1);
    loads.take(1, [load("a", 1, 1)]);
    expect(loads.all().find(({ serviceId }) => serviceId === "a")).toEqual({ ...load("a", 16, 3), refused: 3 });
    expect(loads.connections(new Set(["m"])).get("m")).toEqual(new Map([[0, 3], [1, 1]]));
  });

  it("of a service that was removed are forgotten, also when an engine still tells them", () => {
    const loads = new ServiceLoads();
    loads.keepOnly(new Set(["a"]));
    loads.take(0, [load("a", 5, 2)]);
    loads.keepOnly(new Set());
    loads.take(0, [load("a", 6, 2)]);
    loads.died(0);
    expect(loads.all()).toEqual([]);
  });
});

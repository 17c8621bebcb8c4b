import { describe, expect, it } from "vitest";
import { Admission } from "./admission.ts";
import type { Pending } from "./admission.ts";

const limits = { handshakesMax: 10, handshakesPerSourceMax: 4, connectionsMax: 100 };
const stays: () => Pending = () => ({ makeRoom: () => false });

describe("admission of what relays carry", () => {
  function filled(relayId: string, count: number): { admission: Admission; pending: Pending[] } {
    const admission = new Admission(1);
    const pending = Array.from({ length: count }, stays);
    for (const [index, each] of pending.entries()) {
      expect(admission.admit(`${relayId} 10.0.0.${index}`, limits, 0, relayId)).toBe("admitted");
      admission.enter(each, `${relayId} 10.0.0.${index}`, relayId);
    }
    return { admission, pending };
  }

  it("leaves half of the places for unfinished handshakes to everybody else [T05]", () => {
    const { admission, pending } = filled("r1", 5);
    expect(admission.admit("r1 10.9.9.9", limits, 0, "r1")).toBe("gateway-full");
    expect(admission.admit("r2 10.9.9.9", limits, 0, "r2")).toBe("admitted");
    expect(admission.admit("192.0.2.1", limits, 0)).toBe("admitted");
    // One that is done makes a place.
    admission.handshakeOver(pending[0] as Pending, "r1 10.0.0.0", "r1");
    expect(admission.admit("r1 10.9.9.9", limits, 0, "r1")).toBe("admitted");
  });

  it("lets the relay's own oldest give way, not another's [T05]", () => {
    const admission = new Admission(1);
    const asked: string[] = [];
    const willing = (name: string, relayId: string): void => admission.enter({ makeRoom: () => asked.push(name) > 0 }, `${relayId} 10.0.0.1`, relayId);
    willing("other", "r2");
    for (let index = 0; index < 5; index += 1) willing(`own-${index}`, "r1");
    expect(admission.admit("r1 10.0.0.2", limits, 0, "r1")).toBe("admitted");
    expect(asked).toEqual(["own-0"]);
  });

  it("counts a source within its relay only: the same address elsewhere is another machine [N9]", () => {
    const admission = new Admission(1);
    for (let index = 0; index < 4; index += 1) admission.enter(stays(), "r1 10.0.0.2", "r1");
    expect(admission.admit("r1 10.0.0.2", limits, 0, "r1")).toBe("source-limit");
    expect(admission.admit("r2 10.0.0.2", limits, 0, "r2")).toBe("admitted");
    expect(admission.admit("10.0.0.2", limits, 0)).toBe("admitted");
  });

  it("counts a channel's streams to servers among the connections [T38]", () => {
    const admission = new Admission(1);
    const few = { ...limits, connectionsMax: 2 };
    expect([admission.streamOpened(few), admission.streamOpened(few), admission.streamOpened(few)]).toEqual([true, true, false]);
    admission.connectionOver();
    expect(admission.streamOpened(few)).toBe(true);
  });
});

import { createHash } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { SnapshotStore } from "./snapshot-store.ts";

describe("the last good snapshot on disk", () => {
  it("of a gateway that knew no virtual services yet is served by this one [N12]", async () => {
    const dir = mkdtempSync(path.join(os.tmpdir(), "sallyport-snapshot-"));
    const id = "00000000-0000-4000-8000-000000000001";
    const limits = { handshakeTimeoutMs: 8_000, requestTimeoutMs: 10_000, connectTimeoutMs: 5_000, idleTimeoutMs: 900_000, closingTimeoutMs: 60_000, handshakesMax: 2_000, handshakesPerSourceMax: 256, connectionsMax: 50_000 };
    const first = {
      format: 1, revision: 7, builtAt: "2026-11-01T00:00:00.000Z", organisationId: id, gatewayId: id, gatewayName: "gw", trustDomain: "sallyport.internal", clientTrustAnchorsPem: ["pem"],
      listeners: [{ id, address: "::", port: 4433, mode: { kind: "connect" }, certificate: { kind: "self-signed", generation: 1, names: ["localhost"], keyType: "ec-p256" }, algorithms: "standard", limits }],
      servers: [], policies: [], drainTimeoutMs: 30_000, forwardsLogs: true, maxStaleMs: null,
    };
    const body = JSON.stringify(first);
    writeFileSync(path.join(dir, "snapshot.json"), `{"format":1,"sha256":"${createHash("sha256").update(body).digest("hex")}","snapshot":${body}}\n`);
    const { snapshot, revisionSeen, problems } = await new SnapshotStore(dir).load();
    expect(problems).toEqual([]);
    expect(revisionSeen).toBe(7);
    expect(snapshot).toMatchObject({ format: 1, virtualServices: [], pools: [], listeners: [{ acceptProxy: { kind: "off" } }] });
  });
});

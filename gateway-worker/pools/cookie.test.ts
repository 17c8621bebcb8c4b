/** Persistence cookies: opened by every gateway with the key, by nobody and for nothing else. */
import { randomBytes, randomUUID } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openMember, sealedMemberLength, sealMember } from "./cookie.ts";

const key = randomBytes(32).toString("base64");
const serviceId = randomUUID();
const memberId = randomUUID();
const nowMs = 1_800_000_000_000;

describe("a sealed member", () => {
  it("is opened by whoever has the service's key, on another gateway or after a restart [S3-36]", () => {
    expect(openMember(key, sealMember(key, { serviceId, memberId, expiresAt: nowMs + 1 }), serviceId, nowMs)).toBe(memberId);
    expect(openMember(key, sealMember(key, { serviceId, memberId, expiresAt: null }), serviceId, nowMs)).toBe(memberId);
  });

  it("is ignored once it is over", () => {
    expect(openMember(key, sealMember(key, { serviceId, memberId, expiresAt: nowMs }), serviceId, nowMs)).toBeUndefined();
  });

  it("tells nothing about the member: two of one member are alike in length only [T28]", () => {
    const texts = Array.from({ length: 200 }, () => sealMember(key, { serviceId, memberId, expiresAt: nowMs }));
    expect(new Set(texts).size).toBe(200);
    for (const text of texts) {
      expect(text).toHaveLength(sealedMemberLength);
      const bytes = Buffer.from(text, "base64url").toString("hex");
      expect(bytes).not.toContain(memberId.slice(0, 8));
      expect(text).not.toContain(memberId.slice(0, 8));
    }
  });

  it("is ignored when it is of another service or sealed with another key [T28]", () => {
    const text = sealMember(key, { serviceId, memberId, expiresAt: null });
    expect(openMember(key, text, randomUUID(), nowMs)).toBeUndefined();
    expect(openMember(randomBytes(32).toString("base64"), text, serviceId, nowMs)).toBeUndefined();
  });

  it("is ignored when a single bit of it was changed, or it is spelled differently [T28]", () => {
    const text = sealMember(key, { serviceId, memberId, expiresAt: null });
    const bytes = Buffer.from(text, "base64url");
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const forged = Buffer.from(bytes);
      forged.writeUInt8(forged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(openMember(key, forged.toString("base64url"), serviceId, nowMs)).toBeUndefined();
    }
    const others = Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", (last) => text.slice(0, -1) + last);
    expect(others.filter((other) => openMember(key, other, serviceId, nowMs) !== undefined)).toEqual([text]);
    for (const other of [`${text}=`, ` ${text}`, `${text}A`, text.slice(1), ""]) expect(openMember(key, other, serviceId, nowMs)).toBeUndefined();
  });

  it("never throws, whatever a client sends, and looks at no long text [T28]", () => {
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => openMember(key, text, serviceId, nowMs) === undefined));
    fc.assert(fc.property(fc.uint8Array({ minLength: 53, maxLength: 53 }), (noise) => openMember(key, Buffer.from(noise).toString("base64url"), serviceId, nowMs) === undefined));
    const started = performance.now();
    for (let index = 0; index < 1_000; index += 1) openMember(key, "A".repeat(1_000_000), serviceId, nowMs);
    expect(performance.now() - started).toBeLessThan(500);
  });
});

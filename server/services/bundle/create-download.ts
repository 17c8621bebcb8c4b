/** Makes a download link for a bundle: one use, 15 minutes, for the person or API key that asked (T34, T40). */
import type { z } from "zod";
import type { downloadReply } from "../../../contract/objects.ts";
import { ConsoleError, notFound } from "../../errors.ts";
import { recordAudit } from "../audit/record.ts";
import type { Caller } from "../caller.ts";
import { stateOfBundle } from "./state.ts";

const linkMs = 15 * 60_000;

export async function createBundleDownload(caller: Caller, input: { id: string }): Promise<z.infer<typeof downloadReply>> {
  return caller.db.$transaction(async (tx) => {
    const bundle = await tx.bundle.findFirst({ where: { id: input.id, organisationId: caller.organisationId }, select: { id: true, name: true, uses: true, usesMax: true, expiresAt: true, revokedAt: true } });
    if (!bundle) throw notFound("bundle", input.id);
    const state = stateOfBundle(bundle, new Date());
    if (state !== "active") throw new ConsoleError("in-use", `The bundle "${bundle.name}" is ${state === "used-up" ? "used up" : state}; nobody could enrol with it. Make a new one.`);
    const link = await tx.downloadLink.create({
      data: { organisationId: caller.organisationId, kind: "bundle", targetId: bundle.id, expiresAt: new Date(Date.now() + linkMs), createdById: caller.actor.id, createdByName: caller.actor.name },
      select: { id: true, expiresAt: true },
    });
    await recordAudit(tx, caller, { action: "bundle.download", target: { kind: "bundle", id: bundle.id, name: bundle.name } });
    return { url: `/api/download/${link.id}`, fileName: bundleFileName(bundle.name), expiresAt: link.expiresAt.toISOString() };
  });
}

/** `sallyport-agent-<name>-linux-x64.tar.gz`, in letters that every file system and shell takes. */
export function bundleFileName(bundleName: string): string {
  const plain = bundleName.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40) || "bundle";
  return `sallyport-agent-${plain}-linux-x64.tar.gz`;
}

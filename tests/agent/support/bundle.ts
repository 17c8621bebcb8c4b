/** Makes and downloads offline bundles as the console does. */
import fs from "node:fs";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { db } from "../../../server/db.ts";
import { createBundle } from "../../../server/services/bundle/create.ts";
import { createBundleDownload } from "../../../server/services/bundle/create-download.ts";
import { openDownload } from "../../../server/services/download/open.ts";
import type { EnrolmentSource } from "../../../agent/identity/enrol.ts";
import { policyForGroups } from "../../../server/services/agent/policy-for.ts";
import { trustAnchors } from "../../../server/services/certificate/authority.ts";
import { createToken } from "../../../server/services/token/create.ts";
import { sealPurpose } from "../../../server/services/certificate/store.ts";
import { openKey } from "../../../server/services/seal.ts";
import type { TestSite } from "./site.ts";

let counter = 0;

export async function makeGroup(site: TestSite): Promise<string> {
  counter += 1;
  const group = await db().agentGroup.create({ data: { organisationId: site.organisationId, name: `Group ${counter}`, nameKey: `group ${counter}`, kind: "static" }, select: { id: true } });
  return group.id;
}

/** What `enrol` takes out of a bundle, without packing a hundred megabytes of program for it. */
export async function bundleSource(site: TestSite, bundleId: string): Promise<EnrolmentSource> {
  const { organisationId } = site;
  const bundle = await db().bundle.findUniqueOrThrow({ where: { id: bundleId }, include: { certificates: { where: { purpose: "bundle" } } } });
  const [bootstrap] = bundle.certificates;
  if (!bootstrap?.sealedKey) throw new Error("the bundle has no identity");
  const policy = await policyForGroups(db(), organisationId, bundle.groupIds, null);
  const { text } = await db().$transaction((tx) => createToken(tx, site.caller, { kind: "agent", bundleId, groupIds: bundle.groupIds, usesMax: bundle.usesMax, expiresAt: bundle.expiresAt }));
  return { token: text, bootstrap: { chainPem: bootstrap.chainPem, keyPem: openKey(bootstrap.sealedKey, sealPurpose("bundle")) }, caPem: (await trustAnchors(db(), organisationId)).caPem, policy };
}

export async function makeBundle(site: TestSite, input: { groupIds: string[]; usesMax?: number; daysValid?: number }): Promise<string> {
  counter += 1;
  const { id } = await createBundle(site.caller, { relay: null, name: `Bundle ${counter}`, platform: "linux-x64", usesMax: 1, daysValid: 14, ...input });
  return id;
}

/** Downloads the bundle to a file in `directory`; returns its path. */
export async function downloadBundle(site: TestSite, bundleId: string, directory: string): Promise<string> {
  const { url } = await createBundleDownload(site.caller, { id: bundleId });
  const { fileName, stream } = await openDownload(site.caller, url.split("/").at(-1) ?? "");
  const file = path.join(directory, fileName);
  await pipeline(stream, fs.createWriteStream(file));
  return file;
}

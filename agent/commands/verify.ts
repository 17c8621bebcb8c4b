/** `sallyport-agent verify`: says whether a bundle is whole, genuine and in date, and what it would do. Changes nothing. */
import path from "node:path";
import { openBundle } from "../bundle/open.ts";

export async function verifyBundle(place: string | undefined, isJson: boolean): Promise<number> {
  if (place === undefined) throw new TypeError("name the bundle: sallyport-agent verify FILE");
  const { manifest, policy } = await openBundle(path.resolve(place), new Date());
  if (isJson) {
    process.stdout.write(`${JSON.stringify({ isGenuine: true, manifest }, null, 2)}\n`);
    return 0;
  }
  const lines = [
    `The bundle is whole and signed by ${manifest.organisationName}.`,
    `  CA fingerprint     ${manifest.caFingerprint}`,
    `  management server  ${manifest.stamp.managementServer}`,
    ...manifest.stamp.gateways.map((gateway) => `  gateway            ${gateway}`),
    `  cloud-enabled      ${policy.isCloudEnabled ? "yes" : "no: no enabled policy targets its groups"}`,
    `  valid until        ${manifest.expiresAt} (${manifest.usesMax} use(s))`,
    "Compare the CA fingerprint with the one that the console shows.",
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
  return 0;
}

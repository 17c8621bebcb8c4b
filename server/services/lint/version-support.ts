/** Which versions of gateways and agents work with this console (S0-07): the same minor version. Nothing else was tried. */

export type VersionProblem = { sentence: string; cure: (what: "gateway" | "agent") => string };

/** Undefined when the pair is supported. A version that cannot be read is not judged. */
export function versionProblem(version: string, consoleVersion: string): VersionProblem | undefined {
  const [theirs, ours] = [parse(version), parse(consoleVersion)];
  if (!theirs || !ours) return undefined;
  const difference = theirs.major - ours.major || theirs.minor - ours.minor;
  if (difference === 0) return undefined;
  const sentence = "only the same minor version is supported";
  if (difference > 0) return { sentence, cure: () => "Update the console first, then gateways, then agents." };
  return { sentence, cure: (what) => (what === "gateway" ? "Download its package again and install it over the old one." : "Install the agent from a new bundle; it keeps its identity.") };
}

type Version = { major: number; minor: number };

function parse(text: string): Version | undefined {
  const [, major, minor] = /^v?(\d{1,6})\.(\d{1,6})(?:\.|$|-|\+)/.exec(text.trim()) ?? [];
  return major === undefined || minor === undefined ? undefined : { major: Number(major), minor: Number(minor) };
}

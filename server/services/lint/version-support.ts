/** Which versions of gateways and agents work with this console (S0-07): the same minor version, or the one before it. */

export type VersionProblem = { sentence: string; cure: (what: "gateway" | "agent") => string };

/** Undefined when the pair is supported. A version that cannot be read is not judged: development builds have none. */
export function versionProblem(version: string, consoleVersion: string): VersionProblem | undefined {
  const [theirs, ours] = [parse(version), parse(consoleVersion)];
  if (!theirs || !ours) return undefined;
  if (compare(theirs, ours) > 0) return { sentence: "it is newer than the console, which was not tried", cure: () => "Update the console first, then gateways, then agents." };
  if (theirs.major !== ours.major || ours.minor - theirs.minor > 1) return { sentence: "only the same minor version and the one before it are supported", cure: (what) => (what === "gateway" ? "Download its package again and install it over the old one." : "Install the agent from a new bundle; it keeps its identity.") };
  return undefined;
}

type Version = { major: number; minor: number };

function parse(text: string): Version | undefined {
  const [, major, minor] = /^v?(\d{1,6})\.(\d{1,6})(?:\.|$|-|\+)/.exec(text.trim()) ?? [];
  return major === undefined || minor === undefined ? undefined : { major: Number(major), minor: Number(minor) };
}

function compare(a: Version, b: Version): number {
  return a.major - b.major || a.minor - b.minor;
}

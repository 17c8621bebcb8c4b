/** Compares versions as people write them: 10.5, 10.5.1, 15.2.1118. */

/** Negative when `a` is older than `b`; parts left out count as 0. Undefined when either is no version. */
export function compareVersions(a: string, b: string): number | undefined {
  const [left, right] = [partsOf(a), partsOf(b)];
  if (!left || !right) return undefined;
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function partsOf(text: string): number[] | undefined {
  const [digits] = /^\d{1,6}(\.\d{1,6}){0,3}/.exec(text.trim()) ?? [];
  return digits?.split(".").map(Number);
}

/** What a test opened is closed when it ends, newest first. */
import { afterEach } from "vitest";

type Close = () => unknown;

export function closing(): <T extends { close: Close }>(thing: T) => T {
  const open: { close: Close }[] = [];
  afterEach(async () => {
    for (const thing of open.splice(0).toReversed()) await thing.close();
  });
  return (thing) => {
    open.push(thing);
    return thing;
  };
}

/** Waits until the claim holds; rejects after five seconds with what it was waiting for. */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>, timeoutMs = 5_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error(`timed out waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

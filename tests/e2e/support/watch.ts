/** What a gateway says of itself, and a watch over it for a whole story: revisions that it served, and whether a client was let in. */

export type GatewayView = {
  status: { revision: number; accessVersion: number; tunnels: number; engines: { index: number; pid: number; state: string; restarts: number; tunnels: number }[] };
  channel: { state: string };
  notReady: string | null;
  counters: { handshakesResumed: number };
};

/** The gateway's own account, from its loopback port. Throws when nobody answers there. */
export async function readGateway(metricsPort: number): Promise<GatewayView> {
  return (await (await fetch(`http://127.0.0.1:${metricsPort}/status`, { signal: AbortSignal.timeout(5_000) })).json()) as GatewayView;
}

/** Places where a number is lower than the one before it. */
export function falls(values: number[]): string[] {
  return values.flatMap((value, index) => ((values[index - 1] ?? 0) > value ? [`${values[index - 1]} -> ${value}`] : []));
}

type Seen = { revision: number; accessVersion: number };
/** `admittedAt`: when the attempts began that were let in; `answered`: attempts that got any answer. */
export type History = { seen: Seen[]; admittedAt: number[]; answered: number };
export type Watch = { stop: () => History };

/** Looks at the gateway and knocks at its door until stopped; a gateway that is being restarted is passed over. `knock` is told how many attempts were before it and gives the status of the answer, undefined for none. */
export function startWatch(metricsPort: number, knock: (attempt: number) => Promise<number | undefined>): Watch {
  const history: History = { seen: [], admittedAt: [], answered: 0 };
  let attempts = 0;
  let isOver = false;
  const look = async (): Promise<void> => {
    const { status, notReady } = await readGateway(metricsPort);
    if (notReady === null) history.seen.push({ revision: status.revision, accessVersion: status.accessVersion });
  };
  const tryDoor = async (): Promise<void> => {
    const begun = performance.now(); // an attempt that began within the bound may be let in
    const status = await knock(attempts++);
    if (status !== undefined) history.answered += 1;
    if (status === 200) history.admittedAt.push(begun);
  };
  const repeat = async (work: () => Promise<void>, everyMs: number): Promise<void> => {
    while (!isOver) {
      await work().catch(() => undefined); // nobody there
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  };
  void repeat(look, 200);
  void repeat(tryDoor, 250);
  return {
    stop: () => {
      isOver = true;
      return history;
    },
  };
}

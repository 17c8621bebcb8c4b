/** The sessions with upstreams and which of them gets the next connection: the one the agent names, else the first in the settings that serves. */
import type { UpstreamSession } from "./upstream-session.ts";

export class UpstreamPool {
  readonly #sessions = new Set<UpstreamSession>();
  readonly #waiting = new Set<() => void>();

  /** Sessions in any state but over. */
  get sessions(): UpstreamSession[] {
    return [...this.#sessions];
  }

  get isServing(): boolean {
    return this.choose(null) !== undefined;
  }

  add(session: UpstreamSession): void {
    this.#sessions.add(session);
  }

  remove(session: UpstreamSession): void {
    this.#sessions.delete(session);
  }

  /**
   * An agent checks the gateway it meets against that gateway's pins, so a name that an upstream goes by leads there. Among equals the newest session:
   * an older one of the same upstream may be dead without knowing it yet.
   */
  choose(serverName: string | null): UpstreamSession | undefined {
    let best: UpstreamSession | undefined;
    for (const session of this.#sessions) {
      if (session.state === "serving" && (best === undefined || isBetter(session, best, serverName))) best = session;
    }
    return best;
  }

  /** A session began to serve: whoever waited asks again. */
  wake(): void {
    for (const retry of [...this.#waiting]) retry();
  }

  /** `retry` is called at each new session until `stopWaiting`. */
  wait(retry: () => void): void {
    this.#waiting.add(retry);
  }

  stopWaiting(retry: () => void): void {
    this.#waiting.delete(retry);
  }
}

function isBetter(one: UpstreamSession, other: UpstreamSession, serverName: string | null): boolean {
  const named = (session: UpstreamSession) => serverName !== null && session.place.serverName === serverName;
  if (named(one) !== named(other)) return named(one);
  return one.place.rank === other.place.rank ? one.startedAtMs > other.startedAtMs : one.place.rank < other.place.rank;
}

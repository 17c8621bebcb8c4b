/** Which of a list of things differ from what the console has confirmed. What was sent and not confirmed differs still, so nothing has to be given back. */

export class Changed<T> {
  readonly #key: (one: T) => string;
  readonly #mark: (one: T) => string;
  #confirmed = new Map<string, string>();

  /** `mark` is equal as long as there is nothing new to say about the thing that `key` names. */
  constructor(key: (one: T) => string, mark: (one: T) => string) {
    this.#key = key;
    this.#mark = mark;
  }

  /** Everything is news again: another connection, or it is time to say all. */
  reset(): void {
    this.#confirmed.clear();
  }

  /** At most `max` of those with news. */
  of(all: readonly T[], max: number): T[] {
    const news: T[] = [];
    for (const one of all) {
      if (news.length >= max) break;
      if (this.#confirmed.get(this.#key(one)) !== this.#mark(one)) news.push(one);
    }
    return news;
  }

  confirm(sent: readonly T[]): void {
    for (const one of sent) this.#confirmed.set(this.#key(one), this.#mark(one));
  }
}

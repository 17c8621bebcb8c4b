/** Tells agents through their channels that commands wait for them: one short stream each, a bounded number at once, never two for one channel. */
import { channelWake, streamAnswer } from "../../contract/channel.ts";
import { writeStreamHead } from "../net/stream-head.ts";
import type { Channel } from "./channel.ts";
import { readHead } from "./stream-heads.ts";

const atOnceMax = 100;
/** An agent that does not answer in this time learns of its commands with its next report, milliseconds. */
const answerMs = 5_000;

export class Wakes {
  /** `again`: knocked once more while the stream was under way. */
  readonly #running = new Map<Channel, { again: boolean }>();
  readonly #waiting = new Set<Channel>();

  add(channel: Channel): void {
    const running = this.#running.get(channel);
    if (running) running.again = true;
    else this.#waiting.add(channel);
    this.#next();
  }

  forget(channel: Channel): void {
    this.#waiting.delete(channel);
  }

  #next(): void {
    for (const channel of this.#waiting) {
      if (this.#running.size >= atOnceMax) return;
      this.#waiting.delete(channel);
      const state = { again: false };
      this.#running.set(channel, state);
      void this.#wake(channel).finally(() => {
        this.#running.delete(channel);
        if (state.again && channel.takesStreams) this.#waiting.add(channel);
        this.#next();
      });
    }
  }

  async #wake(channel: Channel): Promise<void> {
    if (!channel.takesStreams) return;
    try {
      const stream = channel.open();
      stream.write(writeStreamHead(channelWake.parse({ kind: "wake" })));
      await readHead(stream, streamAnswer, answerMs);
      stream.destroy();
    } catch {
      // The channel has just ended or takes no streams; the agent asks when it is back.
    }
  }
}

/** Limits guessing of enrolment tokens: 20 refused ones from one source in 10 minutes, then a pause of 10 minutes. Counted in this process; each replica has its own. */
import { RateLimiterMemory } from "rate-limiter-flexible";
import { ConsoleError } from "../../errors.ts";

/** Refused tokens from one source before it has to wait. */
export const guessesMax = 20;
const windowSeconds = 600;

const guesses = new RateLimiterMemory({ points: guessesMax, duration: windowSeconds, blockDuration: windowSeconds });

/** Throws `rate-limited` when `source` has guessed too often; before any look-up, so that waiting tells nothing about a token. */
export async function demandFewGuesses(source: string | null): Promise<void> {
  const state = source === null ? null : await guesses.get(source);
  if (state && state.consumedPoints >= guessesMax) throw new ConsoleError("rate-limited", `Too many refused enrolment tokens from this address; try again in ${Math.ceil(state.msBeforeNext / 60_000)} minutes.`);
}

/** Counts one refused token. */
export async function countGuess(source: string | null): Promise<void> {
  if (source !== null) await guesses.consume(source).catch(() => undefined); // a rejection says that the limit is reached; the next demand tells it
}

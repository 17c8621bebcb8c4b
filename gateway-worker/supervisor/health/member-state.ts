/**
 * What is believed about one member, from checks and from connections that failed. Pure: the caller says what time it is.
 *
 *   unknown --first check--> up | next-hop | down
 *   up / next-hop --`fall` worse results in a row--> next-hop | down --`rise` better ones in a row--> up / next-hop
 *   any --passive failures--> down, held --hold over, then a check passes (or none is configured)--> up
 */
import type { MemberHealth, MemberHealthState, SeenCertificate } from "../../../contract/health-check.ts";

/** One check's outcome. `cause` is the whole chain in words, member's name first. */
export type CheckResult = { state: Exclude<MemberHealthState, "unknown">; cause: string; certificate: SeenCertificate | null };
export type Counts = { rise: number; fall: number };
/** `at`: monotonic milliseconds for the holds; `iso`: wall clock for people. */
export type Moment = { at: number; iso: string };

const rank: Record<MemberHealthState, number> = { down: 0, "next-hop": 1, unknown: 2, up: 2 };
const causeMax = 500;

export class MemberState {
  #health: MemberHealth;
  /** Results in a row that contradict the state, all better or all worse. */
  #contrary = { count: 0, isBetter: false };
  /** A new cause for an unchanged state is believed when it comes twice, so that two alternating causes make no stream of events. */
  #offeredCause: string | undefined;
  #heldUntil: number | undefined;

  constructor(ids: { poolId: string; memberId: string }, cause: string, moment: Moment) {
    this.#health = { ...ids, state: "unknown", cause: cause.slice(0, causeMax), since: moment.iso, checkedAt: null, tookMs: null, certificate: null };
  }

  get health(): MemberHealth {
    return { ...this.#health };
  }

  /** A passive failure keeps the member down: until this moment, and until a check has passed after it. */
  get heldUntil(): number | undefined {
    return this.#heldUntil;
  }

  /** The last result contradicted the state and more of them are wanted soon. */
  get isConfirming(): boolean {
    return this.#contrary.count > 0;
  }

  /** Takes a check's result; true when state, cause or certificate changed. */
  checked(result: CheckResult, counts: Counts, moment: Moment & { tookMs: number }): boolean {
    this.#health = { ...this.#health, checkedAt: moment.iso, tookMs: moment.tookMs };
    const isNewCertificate = result.certificate !== null && JSON.stringify(result.certificate) !== JSON.stringify(this.#health.certificate);
    if (isNewCertificate) this.#health = { ...this.#health, certificate: result.certificate };
    const isNewState = this.#weigh(result, counts, moment);
    return isNewState || isNewCertificate;
  }

  /** Connections failed `failuresInRow` times: down at once, held for `holdMs`. True when that changed anything. */
  failedPassively(cause: string, holdMs: number, moment: Moment): boolean {
    if (this.#heldUntil !== undefined && this.#heldUntil > moment.at) return false;
    this.#heldUntil = moment.at + holdMs;
    return this.become("down", cause, moment);
  }

  /** Forgets a passive failure. */
  release(): void {
    this.#heldUntil = undefined;
  }

  /** Sets the state without counting: a member that was disabled, or has no check. True when that changed anything. */
  become(state: MemberHealthState, cause: string, moment: Moment): boolean {
    const text = cause.slice(0, causeMax);
    const { state: before, cause: causeBefore } = this.#health;
    this.#contrary = { count: 0, isBetter: false };
    this.#offeredCause = undefined;
    if (before === state && causeBefore === text) return false;
    this.#health = { ...this.#health, state, cause: text, since: before === state ? this.#health.since : moment.iso };
    return true;
  }

  /** Forgets what was counted, keeps what is believed: the check was changed. */
  recount(): void {
    this.#contrary = { count: 0, isBetter: false };
    this.#offeredCause = undefined;
  }

  /** Forgets the certificate: another one is expected, or none. */
  forgetCertificate(): void {
    this.#health = { ...this.#health, certificate: null };
  }

  #weigh(result: CheckResult, counts: Counts, moment: Moment): boolean {
    const { state } = this.#health;
    if (state === "unknown") return this.become(result.state, result.cause, moment);
    // The check itself fails now: from here on it decides alone, with its own rise.
    if (result.state === "down" && this.#heldUntil !== undefined && this.#heldUntil <= moment.at) this.#heldUntil = undefined;
    if (result.state === state) return this.#same(result.cause, moment);
    const isBetter = rank[result.state] > rank[state];
    if (isBetter && this.#heldUntil !== undefined) return this.#afterHold(result, moment);
    this.#contrary = { count: this.#contrary.isBetter === isBetter ? this.#contrary.count + 1 : 1, isBetter };
    return this.#contrary.count >= (isBetter ? counts.rise : counts.fall) ? this.become(result.state, result.cause, moment) : false;
  }

  /** The check passes while connections failed: one pass after the hold is enough, none before it is. */
  #afterHold(result: CheckResult, moment: Moment): boolean {
    if (this.#heldUntil !== undefined && this.#heldUntil > moment.at) return false;
    this.#heldUntil = undefined;
    return this.become(result.state, result.cause, moment);
  }

  #same(cause: string, moment: Moment): boolean {
    const text = cause.slice(0, causeMax);
    this.#contrary = { count: 0, isBetter: false };
    if (text === this.#health.cause) this.#offeredCause = undefined;
    else if (text === this.#offeredCause) return this.become(this.#health.state, text, moment);
    else this.#offeredCause = text;
    return false;
  }
}

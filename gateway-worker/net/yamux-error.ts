/** What can go wrong with a yamux session or stream, for callers that branch on it. */

export type YamuxErrorCode =
  /** The session has ended; the message says why. */
  | "session-over"
  /** One of the two sides has said that it takes no new streams: open another session. */
  | "going-away"
  /** All stream ids of this session are used: open another session. */
  | "ids-used-up"
  /** The peer has not yet accepted as many streams as it will queue: try again when some are. */
  | "backlog-full"
  /** More pings wait for an answer than make sense. */
  | "pings-waiting"
  /** The peer reset this stream. */
  | "stream-reset";

export class YamuxError extends Error {
  readonly code: YamuxErrorCode;
  constructor(code: YamuxErrorCode, message: string) {
    super(message);
    this.name = "YamuxError";
    this.code = code;
  }
}

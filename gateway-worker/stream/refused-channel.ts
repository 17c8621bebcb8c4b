/** Says to an agent that may not open a channel why, in the channel's own words: its hello is answered with the code, then the connection ends. */
import type tls from "node:tls";
import { refusals } from "../../contract/error-codes.ts";
import type { RefusalCode } from "../../contract/error-codes.ts";
import { destroyOnError } from "../net/close.ts";
import { YamuxSession } from "../net/yamux.ts";
import { closeWith, refusedAnswer } from "./stream-heads.ts";

/** Takes the socket over; nothing that comes is read beyond the frames. `onOver`: the session is over and destroys the socket itself. The caller has the deadline. */
export function refuseChannel(socket: tls.TLSSocket, code: RefusalCode, onOver: () => void): { close: (reason: string) => void } {
  const { sentence } = refusals[code];
  const session: YamuxSession = new YamuxSession(socket, {
    isClient: false,
    streamsMax: 1,
    windowMax: 0,
    onStream: (stream) => {
      stream.on("error", destroyOnError).once("close", () => session.close(code));
      closeWith(stream, refusedAnswer(code, sentence));
    },
    onEnd: onOver,
  });
  return session;
}

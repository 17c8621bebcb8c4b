/** Names connections: unique per engine process, short enough to read aloud, the same in the gateway's log, the answer's header and the agent's log. */
import { randomBytes } from "node:crypto";

const prefix = randomBytes(5).toString("hex");
let count = 0;

export function nextConnectionId(): string {
  count += 1;
  return `${prefix}-${count.toString(36)}`;
}

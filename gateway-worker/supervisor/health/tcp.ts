/** TCP check: the member accepts a connection. */
import { type CheckDeadline, type ProbeEndpoint, ProbeSocket } from "./probe-socket.ts";

/** Throws ProbeFailure when the member does not accept. */
export async function probeTcp(endpoint: ProbeEndpoint, deadline: CheckDeadline): Promise<void> {
  const socket = await ProbeSocket.connect(endpoint, deadline);
  socket.destroy();
}

/** TCP check: the member accepts a connection. */
import type { ProbeMeans } from "./probe-means.ts";
import { type CheckDeadline, type ProbeEndpoint, ProbeSocket } from "./probe-socket.ts";

/** Throws ProbeFailure when the member does not accept. */
export async function probeTcp(endpoint: ProbeEndpoint, means: ProbeMeans, deadline: CheckDeadline): Promise<void> {
  const socket = await ProbeSocket.connect(endpoint, means, deadline);
  socket.destroy();
}

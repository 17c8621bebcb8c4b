/** What a re-enrolment as another gateway must not inherit: its revisions and its access table are counted by another row. */
import { rm } from "node:fs/promises";
import path from "node:path";
import { removeAccessFiles } from "./control/access.ts";
import { activesFile } from "./active-members.ts";
import { removeFile } from "./durable-file.ts";
import type { GatewayIdentity } from "./identity/store.ts";
import { stickyFile } from "./sticky-store.ts";

/** Removes the state of `before` when `now` is another gateway or of another organisation. Listener keys go too: their fingerprint belongs to the old row. */
export async function forgetOtherGateway(stateDir: string, before: GatewayIdentity | undefined, now: GatewayIdentity): Promise<void> {
  if (!before || (before.gatewayId === now.gatewayId && before.organisationId === now.organisationId)) return;
  await removeAccessFiles(stateDir);
  for (const name of ["snapshot.json", "snapshot.previous.json", "spool.json", activesFile, stickyFile]) await removeFile(path.join(stateDir, name));
  await rm(path.join(stateDir, "listener"), { recursive: true, force: true });
}

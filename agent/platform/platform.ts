/** What the agent needs of an operating system beyond what the runtime offers everywhere. One implementation per system; nothing else of the agent knows which. */
import type { Inventory } from "../../contract/agent-site.ts";

export type Platform = {
  /** As the console shows it, such as `linux`. */
  readonly name: string;
  readonly defaultStateDir: string;
  readonly osName: () => string;
  readonly disks: () => Promise<Inventory["disks"]>;
  /** Installed packages; empty where the system has no list we can read. */
  readonly packages: () => Promise<Inventory["packages"]>;
  /** Calls back when addresses or routes changed; cheap. The returned function ends it. */
  readonly watchNetwork: (onChange: () => void) => () => void;
};

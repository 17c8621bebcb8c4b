/** What the agent needs of an operating system beyond what the runtime offers everywhere. One implementation per system; nothing else of the agent knows which. */
import type { Inventory } from "../../contract/agent-site.ts";

/** A user account of the computer. */
export type ComputerUser = { name: string; uid: number; gid: number; home: string };

export type Platform = {
  /** As the console shows it, such as `linux`. */
  readonly name: string;
  readonly defaultStateDir: string;
  readonly osName: () => string;
  /** The id that a cloud gave this machine; null where there is none (S4-10). */
  readonly cloudInstanceId: () => string | null;
  readonly disks: () => Promise<Inventory["disks"]>;
  /** Installed packages; empty where the system has no list we can read. */
  readonly packages: () => Promise<Inventory["packages"]>;
  /** A user by name; undefined when there is none. */
  readonly user: (name: string) => Promise<ComputerUser | undefined>;
  /** Calls back when addresses or routes changed; cheap. The returned function ends it. */
  readonly watchNetwork: (onChange: () => void) => () => void;
};

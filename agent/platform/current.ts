/** The implementation for the system we run on. */
import { linux } from "./linux.ts";
import type { Platform } from "./platform.ts";

/** One system so far; another system adds its file here and changes nothing else. */
export const platform: Platform = linux;

/** The presets, in the order of the form. */
import type { z } from "zod";
import { presetId, type presetRows } from "../../../contract/service-objects.ts";
import type { Caller } from "../caller.ts";
import { presets } from "./presets.ts";

export function listPresets(_caller: Caller): z.infer<typeof presetRows> {
  return presetId.options.map((id) => ({ id, name: presets[id].name, sentence: presets[id].sentence }));
}

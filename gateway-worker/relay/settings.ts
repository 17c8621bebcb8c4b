/** Reads relay.json: the same file on every node of a relay (X4-02), written by the console. It holds no key. */
import { readFile } from "node:fs/promises";
import { type RelaySettings, relaySettings } from "../../contract/relay.ts";
import { RelayError } from "./errors.ts";

/** A settings file with 2,000 networks and three certificates has far less, bytes. */
const settingsBytesMax = 1_000_000;

/** Throws RelayError `settings` with every field that does not fit. */
export async function readRelaySettings(file: string): Promise<RelaySettings> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new RelayError("settings", `The settings file ${file} cannot be read; download relay.json from the relay's page in the console, and name it with SALLYPORT_RELAY_SETTINGS when it lies elsewhere.`, cause);
  });
  if (text.length > settingsBytesMax) throw new RelayError("settings", `The settings file ${file} has ${text.length} characters; at most ${settingsBytesMax} are read.`);
  const parsed = relaySettings.safeParse(parseJson(file, text));
  if (!parsed.success) throw new RelayError("settings", `The settings file ${file} does not fit:\n${parsed.error.issues.map((issue) => `  ${issue.path.join(".") || "(the file)"}: ${issue.message}`).join("\n")}`);
  return parsed.data;
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new RelayError("settings", `The settings file ${file} is no JSON; download it again.`, cause);
  }
}

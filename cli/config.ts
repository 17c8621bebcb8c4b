/** Where the console is and which key to use: the environment first, then ~/.config/sallyport/config.json (0600). The key is never taken from the command line. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { z } from "zod";
import { CliError } from "./errors.ts";

const stored = z.strictObject({ url: z.url(), apiKey: z.string().min(1) });
export type Connection = { readonly url: string; readonly apiKey: string; /** Where they came from, for `doctor`. */ readonly origin: string };

export const defaultUrl = "http://localhost:3000";

export function configFile(): string {
  const directory = process.env["XDG_CONFIG_HOME"] || path.join(os.homedir(), ".config");
  return path.join(directory, "sallyport", "config.json");
}

/** URL and key of this call. Throws CliError with the next step when either is missing. */
export function connection(): Connection {
  const { SALLYPORT_URL: url, SALLYPORT_API_KEY: apiKey } = process.env;
  const file = apiKey && url ? undefined : readFile();
  const found = { url: url || file?.url || (apiKey ? defaultUrl : undefined), apiKey: apiKey || file?.apiKey };
  if (!found.url || !found.apiKey) throw new CliError("No console is configured. Run: sallyport login (or set SALLYPORT_URL and SALLYPORT_API_KEY).", { code: "not-configured" });
  return { url: cleanUrl(found.url), apiKey: found.apiKey, origin: apiKey ? "environment" : configFile() };
}

/** The URL to sign in at when none is given. */
export function knownUrl(): string {
  return cleanUrl(process.env["SALLYPORT_URL"] || readFile()?.url || defaultUrl);
}

/** Reads `http(s)://host[:port]`, without a path. */
export function cleanUrl(text: string): string {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) throw new CliError(`"${text}" is not the console's address; write for example https://console.example.com`, { exitCode: 2, code: "usage" });
  return new URL(text).origin;
}

/** Writes the file readable by its owner only, whole or not at all. */
export function saveConnection(entry: { url: string; apiKey: string }): string {
  const file = configFile();
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}`;
  fs.writeFileSync(draft, `${JSON.stringify({ url: entry.url, apiKey: entry.apiKey }, null, 2)}\n`, { mode: 0o600 });
  fs.renameSync(draft, file);
  return file;
}

/** Forgets URL and key; false when there was nothing. */
export function forgetConnection(): boolean {
  if (!fs.existsSync(configFile())) return false;
  fs.rmSync(configFile());
  return true;
}

function readFile(): z.infer<typeof stored> | undefined {
  const file = configFile();
  let text: string;
  try {
    if (process.platform !== "win32" && (fs.statSync(file).mode & 0o077) !== 0) throw new CliError(`${file} holds an API key and can be read by others; run: chmod 600 ${file}`, { code: "config-readable" });
    text = fs.readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof CliError) throw error;
    return undefined; // not there: nobody has signed in yet
  }
  try {
    return stored.parse(JSON.parse(text));
  } catch (cause) {
    throw new CliError(`${file} is damaged; run: sallyport login`, { code: "config-damaged", cause });
  }
}

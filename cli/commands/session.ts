/** setup, login, logout and whoami: how a terminal comes to a key without a browser. */
import os from "node:os";
import type { Command } from "commander";
import { z } from "zod";
import { setUpReply, userMe } from "../../contract/objects.ts";
import { cleanUrl, connection, type Connection, forgetConnection, knownUrl, saveConnection } from "../config.ts";
import { CliError, usage } from "../errors.ts";
import type { Shared } from "../generic.ts";
import { callApi, postJson } from "../http.ts";
import { printDetail, printJson } from "../output.ts";
import { ask, askSecret, firstLine, readSmallFile, readStdin } from "../prompt.ts";

export function addSession(program: Command, shared: Shared): void {
  program
    .command("setup")
    .description("Make the first owner with the one-time set-up link, and store an API key for this user of this machine")
    .requiredOption("--link <file-or-url>", "the file setup-link in the console's data directory, - for standard input, or the link itself")
    .option("--email <address>", "e-mail address of the owner (asked for otherwise)")
    .option("--name <name>", "the owner's name")
    .option("--password-file <file>", "first line is the password, at least 12 characters (asked for otherwise)")
    .action((options: SetUpOptions) => setUp(options, shared));
  program
    .command("login")
    .description("Sign in and store an API key in ~/.config/sallyport/config.json (readable by you only)")
    .option("--url <url>", "the console's address (default: SALLYPORT_URL, the stored one, or http://localhost:3000)")
    .option("--key-stdin", "read an existing API key from standard input instead of signing in")
    .option("--email <address>", "e-mail address (asked for otherwise); making a key takes the role owner")
    .option("--password-stdin", "read the password from standard input instead of asking")
    .option("--days <number>", "days the new key is valid", "90")
    .action((options: LoginOptions) => login(options, shared));
  program.command("logout").description("Forget the stored key on this machine; revoke it with: sallyport api-key revoke").action(() => {
    shared.screen.out(forgetConnection() ? "Forgotten. The key itself still works until it is revoked or expires.\n" : "Nothing was stored.\n");
  });
  program.command("whoami").description("Which console, which key, which role").action(() => whoAmI(shared));
}

type SetUpOptions = { link: string; email?: string; name?: string; passwordFile?: string };
type LoginOptions = { url?: string; keyStdin?: boolean; email?: string; passwordStdin?: boolean; days: string };

async function setUp(options: SetUpOptions, shared: Shared): Promise<void> {
  const link = readLink(options.link === "-" ? await readStdin() : /^https?:\/\//.test(options.link) ? options.link : readSmallFile(options.link));
  const email = options.email ?? (await ask("E-mail address of the owner: ", "Give --email."));
  const password = options.passwordFile ? await firstLine(options.passwordFile === "-" ? "stdin" : options.passwordFile) : await newPassword();
  const { answer } = await postJson(`${link.url}/api/setup`, { secret: link.secret, email, password, apiKeyName: keyName(), ...(options.name === undefined ? {} : { name: options.name }) });
  const reply = setUpReply.parse(answer);
  if (!reply.apiKey) throw new CliError("The console made the owner but no key; run: sallyport login", { code: "no-key" });
  await finish({ url: link.url, apiKey: reply.apiKey }, shared);
}

/** `https://console/setup#<secret>`, as the console prints it. */
function readLink(text: string): { url: string; secret: string } {
  const match = /^(https?:\/\/[^\s#]+)\/setup#([A-Za-z0-9_-]{43})$/.exec(text.trim().split(/\s+/, 1)[0] ?? "");
  if (!match?.[1] || !match[2]) throw usage("This is not a set-up link; it looks like http://localhost:3000/setup#… and stands in the file setup-link of the console's data directory.");
  return { url: cleanUrl(match[1]), secret: match[2] };
}

async function newPassword(): Promise<string> {
  const first = await askSecret("Password, at least 12 characters: ", "Give --password-file.");
  if (first !== (await askSecret("The same again: ", ""))) throw usage("The two passwords differ.");
  return first;
}

async function login(options: LoginOptions, shared: Shared): Promise<void> {
  const url = options.url === undefined ? knownUrl() : cleanUrl(options.url);
  const apiKey = options.keyStdin ? await firstLine("stdin") : await keyByPassword(url, options);
  if (!/^spk_[A-Za-z0-9_-]{43}$/.test(apiKey)) throw usage("This is not an API key; it starts with spk_ and is one line of 47 characters.");
  await finish({ url, apiKey }, shared);
}

const madeKey = z.object({ result: z.object({ data: z.object({ key: z.string() }) }) });

/** Signs in, makes a key with the session, and ends the session. */
async function keyByPassword(url: string, options: LoginOptions): Promise<string> {
  const email = options.email ?? (await ask("E-mail address: ", "Give --email, or --key-stdin with an existing key."));
  const password = options.passwordStdin ? await firstLine("stdin") : await askSecret("Password: ", "Give --password-stdin.");
  const daysValid = Number(options.days);
  if (!Number.isInteger(daysValid) || daysValid < 1 || daysValid > 365) throw usage(`--days takes a number from 1 to 365, not "${options.days}".`);
  const session = await postJson(`${url}/api/auth/sign-in/email`, { email, password }, { origin: url });
  const cookie = session.headers.getSetCookie().map((line) => line.split(";")[0]).join("; ");
  const headers = { origin: url, cookie };
  try {
    const { answer } = await postJson(`${url}/api/trpc/apiKey.create`, { name: keyName(), role: "owner", daysValid }, headers);
    return madeKey.parse(answer).result.data.key;
  } catch (error) {
    if (error instanceof CliError && error.code === "not-allowed") throw new CliError("Your role may not make API keys; ask an owner for one and run: sallyport login --key-stdin", { code: error.code, cause: error });
    throw error;
  } finally {
    await postJson(`${url}/api/auth/sign-out`, {}, headers).catch(() => {}); // the session ends by itself; the key is what was wanted
  }
}

/** Checks the key with the console before it is stored. */
async function finish(entry: { url: string; apiKey: string }, shared: Shared): Promise<void> {
  const target: Connection = { ...entry, origin: "login" };
  const me = userMe.parse(await callApi(target, { method: "GET", path: "/users/me" }));
  const file = saveConnection(entry);
  if (shared.isJson()) return printJson(shared.screen, { url: entry.url, role: me.role, organisation: me.organisation, file });
  shared.screen.out(`Signed in at ${entry.url}: ${me.organisation.name}, role ${me.role}. The key is in ${file}.\nNext: sallyport guide status\n`);
}

async function whoAmI(shared: Shared): Promise<void> {
  const target = connection();
  const me = userMe.parse(await callApi(target, { method: "GET", path: "/users/me" }));
  if (shared.isJson()) return printJson(shared.screen, { url: target.url, ...me });
  printDetail(shared.screen, { console: target.url, organisation: me.organisation.name, [me.kind === "api-key" ? "apiKey" : "user"]: me.name, role: me.role, from: target.origin });
}

function keyName(): string {
  const suffix = crypto.randomUUID().slice(0, 6);
  return `CLI of ${os.userInfo().username} on ${os.hostname()} ${suffix}`.slice(0, 80);
}

/**
 * Opens and proves one command, in the order in which nothing is believed too early: sealed to this agent, signed by the console, for this agent and organisation,
 * made with its token, in time. Whether it came before is the journal's to say.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { compactDecrypt, compactVerify, decodeProtectedHeader, importJWK } from "jose";
import { commandAlgorithms, type CommandClaims, commandClaims, commandType, type ConsoleKeys } from "../../contract/command.ts";
import type { AgentErrorCode } from "../../contract/error-codes.ts";
import type { CommandKeys } from "../command-keys.ts";

/** Longest command that is looked at, characters. */
export const commandCharsMax = 250_000;
/** How far the two clocks may be apart, seconds. */
const clockToleranceSeconds = 30;

/** A command that is not carried out. `commandId` is known only after the signature has proven it. */
export class CommandRefused extends Error {
  readonly code: AgentErrorCode;
  readonly commandId: string | null;

  constructor(code: AgentErrorCode, detail: string, commandId: string | null = null) {
    super(detail);
    this.code = code;
    this.commandId = commandId;
  }
}

export type CommandReader = { agentId: string; organisationId: string; keys: CommandKeys; consoleKeys: ConsoleKeys; now: number };

/** Throws CommandRefused. */
export async function readCommand(sealed: string, reader: CommandReader): Promise<CommandClaims> {
  const signed = await openCommand(sealed, reader.keys);
  const claims = parseClaims(await verifiedPayload(signed, reader.consoleKeys));
  if (claims.iss !== reader.organisationId || claims.aud !== reader.agentId) throw new CommandRefused("command-other-agent", `It is for agent ${claims.aud} of organisation ${claims.iss}.`, claims.jti);
  if (!isOurToken(claims, reader.keys.token)) throw new CommandRefused("command-token", "Its proof was not made with this agent's token.", claims.jti);
  const now = Math.floor(reader.now / 1_000);
  if (claims.exp + clockToleranceSeconds <= now) throw new CommandRefused("command-expired", `It was to begin before ${new Date(claims.exp * 1_000).toISOString()}.`, claims.jti);
  if (claims.iat - clockToleranceSeconds > now) throw new CommandRefused("command-expired", `It was made at ${new Date(claims.iat * 1_000).toISOString()}, which has not come yet.`, claims.jti);
  return claims;
}

async function openCommand(sealed: string, keys: CommandKeys): Promise<string> {
  if (sealed.length > commandCharsMax) throw new CommandRefused("command-unreadable", `It is longer than ${commandCharsMax} characters.`);
  const header = headerOf(sealed);
  if (header?.alg !== commandAlgorithms.keyManagement || header.enc !== commandAlgorithms.encryption || header.zip !== undefined) throw new CommandRefused("command-unreadable", `It is not sealed with ${commandAlgorithms.keyManagement} and ${commandAlgorithms.encryption}.`);
  if (header.kid !== keys.kid) throw new CommandRefused("command-unreadable", "It is sealed to another key than this agent's.");
  try {
    const { plaintext } = await compactDecrypt(sealed, keys.privateKey, { keyManagementAlgorithms: [commandAlgorithms.keyManagement], contentEncryptionAlgorithms: [commandAlgorithms.encryption] });
    return new TextDecoder().decode(plaintext);
  } catch {
    throw new CommandRefused("command-unreadable", "It was altered, or sealed to another agent.");
  }
}

async function verifiedPayload(signed: string, consoleKeys: ConsoleKeys): Promise<Uint8Array> {
  const header = headerOf(signed);
  if (header?.alg !== commandAlgorithms.signature || header.typ !== commandType) throw new CommandRefused("command-unsigned", `It carries no ${commandAlgorithms.signature} signature of a command.`);
  const key = consoleKeys.signing.find((candidate) => candidate.kid === header.kid);
  if (!key) throw new CommandRefused("command-signature", "It is signed with a key that this agent's policy does not pin.");
  try {
    const { payload } = await compactVerify(signed, await importJWK(key, commandAlgorithms.signature), { algorithms: [commandAlgorithms.signature] });
    return payload;
  } catch {
    throw new CommandRefused("command-signature", "Its signature does not fit its content.");
  }
}

function headerOf(text: string): Record<string, unknown> | undefined {
  try {
    return decodeProtectedHeader(text);
  } catch {
    return undefined;
  }
}

/** A console that is newer than this agent may order what it does not know. */
function parseClaims(payload: Uint8Array): CommandClaims {
  const value = JSON.parse(new TextDecoder().decode(payload)) as unknown;
  const parsed = commandClaims.safeParse(value);
  if (parsed.success) return parsed.data;
  const jti = commandClaims.shape.jti.safeParse((value as { jti?: unknown } | null)?.jti);
  throw new CommandRefused("command-unreadable", `This agent's program does not know such a command (${parsed.error.issues.slice(0, 3).map((issue) => issue.path.join(".")).join(", ")}); upgrade it.`, jti.success ? jti.data : null);
}

function isOurToken(claims: CommandClaims, token: Buffer): boolean {
  const expected = createHmac("sha256", token).update(claims.jti).digest();
  const given = Buffer.from(claims.tok, "base64url");
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** `sallyport-agent enrol`: stores what to enrol with, then enrols; offline the running agent does it later. */
import fs from "node:fs";
import path from "node:path";
import { openBundle } from "../bundle/open.ts";
import type { AgentConfig } from "../config.ts";
import { AgentError, asAgentError } from "../errors.ts";
import { makePrivateDir } from "../files.ts";
import { completeEnrolment, type EnrolmentSource, initialPolicy, prepareEnrolment, readToken } from "../identity/enrol.ts";
import { IdentityStore } from "../identity/store.ts";
import { localSettings, relayUse, storeRelay } from "../local-settings.ts";
import { AgentLog } from "../log.ts";
import { authority } from "../path/connect.ts";
import { PolicyStore } from "../policy-store.ts";

const deadlineMs = 45_000;
const tokenBytesMax = 8_192;

export type EnrolOptions = { bundle: string | undefined; tokenFile: string | undefined; isWaiting: boolean; relay: string | undefined; relayValidation: string | undefined };

/** Exit code 0: enrolled; 3: stored, not enrolled yet. */
export async function enrol(config: AgentConfig, options: EnrolOptions): Promise<number> {
  if ((options.bundle === undefined) === (options.tokenFile === undefined)) throw new TypeError("give either --bundle FILE or --token-file FILE");
  const source = options.bundle === undefined ? tokenSource(options.tokenFile ?? "-") : await bundleSource(options.bundle);
  makePrivateDir(config.stateDir);
  const store = new IdentityStore(config.stateDir);
  refuseOtherOrganisation(store, source);
  // The console tells no relay later on: the bundle's becomes this computer's own.
  const ofBundle = source.policy?.relay;
  storeRelay(config.stateDir, { relay: options.relay ?? (ofBundle ? authority(ofBundle.host, ofBundle.port) : undefined), validation: options.relayValidation });
  const pending = prepareEnrolment(store, source);
  if (!options.isWaiting) return later("Stored. The running agent enrols as soon as it reaches the management server.");
  return finish(config, store, pending);
}

async function finish(config: AgentConfig, store: IdentityStore, pending: ReturnType<typeof prepareEnrolment>): Promise<number> {
  const log = new AgentLog(config.logFile);
  try {
    const identity = await completeEnrolment(store, pending, { log, deadlineMs, signal: AbortSignal.timeout(deadlineMs + 5_000), relay: relayUse(pending.policy, localSettings(config)) });
    const policies = new PolicyStore(config.stateDir);
    const stored = policies.load();
    if (pending.policy !== null || stored?.policy.organisationId !== identity.organisationId) policies.save({ policy: initialPolicy(pending), etag: null });
    process.stdout.write(`Enrolled as agent ${identity.agentId}.\n`);
    return 0;
  } catch (error) {
    const failure = asAgentError(error, "enrolment-refused");
    if (failure.code === "enrolment-refused" || failure.code === "bundle-refused") {
      store.dropPending();
      throw failure;
    }
    log.warn("could not enrol yet", { code: failure.code, detail: failure.message });
    return later(`Not enrolled yet (${failure.code}: ${failure.message}) The running agent tries again until it reaches the management server.`);
  }
}

function later(sentence: string): number {
  process.stdout.write(`${sentence}\n`);
  return 3;
}

/** An agent belongs to one organisation; moving it to another is a decision, not an accident with a file. */
function refuseOtherOrganisation(store: IdentityStore, source: EnrolmentSource): void {
  const current = store.load("current");
  const { organisationId } = readToken(source.token);
  if (current && current.organisationId !== organisationId) throw new AgentError("bundle-refused", `This agent belongs to the organisation ${current.organisationId}, the enrolment is for ${organisationId}. Uninstall the agent with its state first if it is to move.`);
}

async function bundleSource(place: string): Promise<EnrolmentSource> {
  const bundle = await openBundle(path.resolve(place), new Date());
  return { token: bundle.token, bootstrap: bundle.bootstrap, caPem: bundle.caPem, policy: bundle.policy };
}

/** From a file or standard input, never from the command line: other users can read that. */
function tokenSource(file: string): EnrolmentSource {
  const text = file === "-" ? fs.readFileSync(0, "utf8") : fs.readFileSync(file, "utf8");
  if (text.length > tokenBytesMax) throw new AgentError("enrolment-refused", "The token file is too large to be a token.");
  return { token: text.trim(), bootstrap: null, caPem: null, policy: null };
}

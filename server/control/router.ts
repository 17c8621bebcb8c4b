/** The procedures of the control channel. Two routers for two doors: without a client certificate there is only `enrol`, and nothing else exists. */
import { initTRPC, TRPCError } from "@trpc/server";
import { z } from "zod";
import { applied, controlHello, type ControlMessage, controlReport, controlWelcome, listenerCertificateReply, listenerCertificateRequest, locateAgent as locateAgentInput, locateAgentReply } from "../../contract/control.ts";
import { gatewayEnrolment, gatewayEnrolmentReply } from "../../contract/enrolment.ts";
import type { ConsoleErrorCode } from "../../contract/error-codes.ts";
import { reachAuthorisation, reachAuthorisationReply } from "../../contract/reach.ts";
import { ConsoleError } from "../errors.ts";
import { errorFields, log } from "../log.ts";
import { locateAgent } from "../services/channel/locate.ts";
import { enrolGateway, type Stranger } from "../services/gateway/enrol.ts";
import { issueListenerCertificate } from "../services/gateway/issue-listener-certificate.ts";
import { recordAck, recordNack } from "../services/gateway/record-applied.ts";
import { recordReport } from "../services/gateway/record-report.ts";
import { authoriseReach } from "../services/reach-session/authorise.ts";
import type { GatewayConnection } from "./connection.ts";
import type { FanOut } from "./fan-out.ts";

export type StrangerContext = { stranger: Stranger };
export type GatewayContext = { connection: GatewayConnection; fanOut: FanOut };

const strangers = initTRPC.context<StrangerContext>().create({ isDev: false });
const gateways = initTRPC.context<GatewayContext>().create({ isDev: false });

export const enrolRouter = strangers.router({
  enrol: strangers.procedure.input(gatewayEnrolment).output(gatewayEnrolmentReply).mutation(async ({ ctx, input }) => await answered("enrol", async () => await enrolGateway(ctx.stranger, input))),
});

export const channelRouter = gateways.router({
  hello: gateways.procedure.input(controlHello).output(controlWelcome).mutation(async ({ ctx, input }) => await answered("hello", async () => {
    const welcome = await ctx.connection.greet(input);
    await ctx.fanOut.add(ctx.connection);
    return welcome;
  })),
  changes: gateways.procedure.subscription(async function* ({ ctx, signal }): AsyncGenerator<ControlMessage> {
    yield* ctx.connection.changes(signal);
  }),
  applied: gateways.procedure.input(applied).output(z.null()).mutation(async ({ ctx, input }) => await answered("applied", async () => {
    const { connection } = ctx;
    demandGreeted(connection);
    if (input.kind === "ack") await recordAck(connection.caller, input.revision);
    else if (input.kind === "nack") await recordNack(connection.caller, input.revision, input.problems);
    else connection.appliedAccessVersion = Math.max(connection.appliedAccessVersion, input.version);
    return null;
  })),
  report: gateways.procedure.input(controlReport).output(z.null()).mutation(async ({ ctx, input }) => await answered("report", async () => {
    demandGreeted(ctx.connection);
    await recordReport(ctx.connection.caller, input, ctx.connection.memory);
    return null;
  })),
  authoriseReach: gateways.procedure.input(reachAuthorisation).output(reachAuthorisationReply).mutation(async ({ ctx, input }) => await answered("authoriseReach", async () => {
    demandGreeted(ctx.connection);
    return await authoriseReach(ctx.connection.caller, input);
  })),
  locateAgent: gateways.procedure.input(locateAgentInput).output(locateAgentReply).mutation(async ({ ctx, input }) => await answered("locateAgent", async () => {
    demandGreeted(ctx.connection);
    return await locateAgent(ctx.connection.caller, input);
  })),
  listenerCertificate: gateways.procedure.input(listenerCertificateRequest).output(listenerCertificateReply).mutation(async ({ ctx, input }) => await answered("listenerCertificate", async () => {
    demandGreeted(ctx.connection);
    return await issueListenerCertificate(ctx.connection.caller, input);
  })),
});

function demandGreeted(connection: GatewayConnection): void {
  if (!connection.isGreeted) throw new ConsoleError("input-invalid", "Say hello first.");
}

/** Turns what a service throws into an answer: its sentence when it is meant for people, one of ours when it is not. */
async function answered<T>(procedure: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ConsoleError) throw new TRPCError({ code: trpcCode(error.code), message: error.message, cause: error });
    log.error({ ...errorFields(error), procedure }, "control: a call failed");
    throw new TRPCError({ code: "INTERNAL_SERVER_ERROR", message: "Something failed on the console's side; its log has the details. The gateway goes on with what it has." });
  }
}

function trpcCode(code: ConsoleErrorCode): TRPCError["code"] {
  if (code === "rate-limited") return "TOO_MANY_REQUESTS";
  if (code === "token-refused" || code === "identity-refused" || code === "not-allowed") return "FORBIDDEN";
  if (code === "changed-meanwhile" || code === "key-reused") return "CONFLICT";
  return code === "internal" || code === "database-unavailable" ? "INTERNAL_SERVER_ERROR" : "BAD_REQUEST";
}

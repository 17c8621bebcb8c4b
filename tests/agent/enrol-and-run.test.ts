/** The thin path: a token becomes an identity, policy comes down, inventory goes up, status is seen on both sides. On both runtimes. */
import { agentCommand, agentToken, runtimeNames, startAgent, startSite, temporaryDir } from "./support/site.ts";
import { describe, expect, it } from "vitest";
import { db } from "../../server/db.ts";
import { until } from "../support/sockets.ts";

const site = await startSite();

describe.each(runtimeNames)("an agent on %s", (runtime) => {
  it("enrols with a token, takes the LAN, sends inventory and gets its policy [S0-20] [S0-21] [S0-22] [S1-61]", async () => {
    const state = temporaryDir();
    const enrolled = await agentCommand(runtime, ["enrol", "--token-file", "-", "--state", state], { input: await agentToken(site) });
    expect(enrolled).toMatchObject({ code: 0, stderr: "" });
    const agent = startAgent(runtime, state);
    await until(() => agent.status()?.step === "fully-connected", `fully connected:\n${agent.log()}`, 20_000).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${agent.log()}`);
    });
    expect(agent.status()?.path).toEqual({ kind: "lan" });
    const agentId = agent.status()?.agentId ?? "";
    await until(async () => (await db().agent.findUnique({ where: { id: agentId } }))?.step === "fully-connected", "the console knows it");
    const row = await db().agent.findUniqueOrThrow({ where: { id: agentId } });
    expect(row).toMatchObject({ organisationId: site.organisationId, platform: "linux", path: { kind: "lan" } });
    expect(row.inventory).toMatchObject({ platform: "linux" });
    const shown = await agentCommand(runtime, ["status", "--state", state]);
    expect(shown.stdout).toContain("connected on the LAN (fully connected");
    await agent.stop();
    expect(agent.child.exitCode).toBe(0);
  });
});

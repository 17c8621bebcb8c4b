/** Run as a process of its own: spends a token and issues the certificate in one transaction, says so, and never gets to the commit. The test kills it there. */
import { db } from "../../../server/db.ts";
import { systemCaller } from "../../../server/services/caller.ts";
import { issueFromCsr, readRequest } from "../../../server/services/certificate/issue.ts";
import { recordSpent, spendToken } from "../../../server/services/token/spend.ts";

const [organisationId = "", secret = "", csrPem = ""] = process.argv.slice(2);
const caller = { ...systemCaller(organisationId, "spend-and-wait"), db: db() };
const { publicKeySha256 } = await readRequest(csrPem);
await caller.db.$transaction(async (tx) => {
  const { token } = await spendToken(tx, { kind: "agent", secret, publicKeySha256 });
  const agent = await tx.agent.create({ data: { organisationId, hostname: "half-way", platform: "linux", addresses: [] }, select: { id: true } });
  const issued = await issueFromCsr(tx, caller, { purpose: "agent", csrPem, identity: null, agentId: agent.id });
  await recordSpent(tx, { tokenId: token.id, publicKeySha256, certificateId: issued.certificateId });
  process.stdout.write("issued, not committed\n");
  await new Promise((resolve) => setTimeout(resolve, 15_000));
});

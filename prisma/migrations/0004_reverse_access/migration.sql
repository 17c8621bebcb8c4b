-- AlterTable
ALTER TABLE "Agent" ADD COLUMN     "approvedAt" TIMESTAMPTZ(3),
ADD COLUMN     "approvedByName" TEXT,
ADD COLUMN     "awaitsApproval" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "channelProblem" JSONB,
ADD COLUMN     "encryptionKey" JSONB,
ADD COLUMN     "isRelayValidationOff" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "keysAt" TIMESTAMPTZ(3),
ADD COLUMN     "relayAddress" TEXT,
ADD COLUMN     "relayPath" JSONB NOT NULL DEFAULT '[]',
ADD COLUMN     "sealedToken" BYTEA;

-- AlterTable
ALTER TABLE "Bundle" ADD COLUMN     "relay" JSONB;

-- AlterTable
ALTER TABLE "Certificate" ADD COLUMN     "apiKeyId" UUID;

-- AlterTable
ALTER TABLE "Gateway" ADD COLUMN     "insideAddress" TEXT,
ADD COLUMN     "insideListenerId" UUID NOT NULL DEFAULT gen_random_uuid(),
ADD COLUMN     "insideNames" TEXT[],
ADD COLUMN     "insidePort" INTEGER NOT NULL DEFAULT 4740;

-- AlterTable
ALTER TABLE "Organisation" ADD COLUMN     "approvesAgents" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "relayNumber" INTEGER NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "Tunnel" ADD COLUMN     "relayPath" JSONB NOT NULL DEFAULT '[]';

-- CreateTable
CREATE TABLE "ConsoleKey" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "organisationId" UUID NOT NULL,
    "use" TEXT NOT NULL,
    "kid" TEXT NOT NULL,
    "publicJwk" JSONB NOT NULL,
    "sealedKey" BYTEA NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "retiredAt" TIMESTAMPTZ(3),

    CONSTRAINT "ConsoleKey_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "AgentChannel" (
    "channelId" UUID NOT NULL,
    "organisationId" UUID NOT NULL,
    "agentId" UUID NOT NULL,
    "gatewayId" UUID NOT NULL,
    "instance" TEXT NOT NULL,
    "openedAt" TIMESTAMPTZ(3) NOT NULL,
    "aliveUntil" TIMESTAMPTZ(3) NOT NULL,
    "source" TEXT NOT NULL,
    "relayPath" JSONB NOT NULL DEFAULT '[]',
    "isListening" BOOLEAN NOT NULL DEFAULT false,
    "version" TEXT NOT NULL,
    "streams" INTEGER NOT NULL DEFAULT 0,
    "bytesUp" BIGINT NOT NULL DEFAULT 0,
    "bytesDown" BIGINT NOT NULL DEFAULT 0,
    "roundTripMs" DOUBLE PRECISION,
    "endedAt" TIMESTAMPTZ(3),
    "endReason" TEXT,

    CONSTRAINT "AgentChannel_pkey" PRIMARY KEY ("channelId")
);

-- CreateTable
CREATE TABLE "ReachRule" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "organisationId" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "nameKey" TEXT NOT NULL,
    "isEnabled" BOOLEAN NOT NULL DEFAULT true,
    "services" JSONB NOT NULL DEFAULT '[]',
    "who" JSONB NOT NULL,
    "sessionMinutes" INTEGER NOT NULL DEFAULT 480,
    "approval" JSONB,
    "scripts" JSONB,
    "note" TEXT NOT NULL DEFAULT '',
    "version" INTEGER NOT NULL DEFAULT 0,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "ReachRule_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ReachRuleGroup" (
    "ruleId" UUID NOT NULL,
    "groupId" UUID NOT NULL,

    CONSTRAINT "ReachRuleGroup_pkey" PRIMARY KEY ("ruleId","groupId")
);

-- CreateTable
CREATE TABLE "ReachRequest" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "organisationId" UUID NOT NULL,
    "agentId" UUID NOT NULL,
    "ruleId" UUID NOT NULL,
    "service" JSONB NOT NULL,
    "reason" TEXT NOT NULL,
    "actorKind" TEXT NOT NULL,
    "actorId" TEXT NOT NULL,
    "actorName" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "isApproved" BOOLEAN,
    "decidedById" TEXT,
    "decidedByName" TEXT,
    "decidedAt" TIMESTAMPTZ(3),
    "decisionNote" TEXT NOT NULL DEFAULT '',

    CONSTRAINT "ReachRequest_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ReachSession" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "organisationId" UUID NOT NULL,
    "agentId" UUID NOT NULL,
    "ruleId" UUID,
    "service" JSONB NOT NULL,
    "actorKind" TEXT NOT NULL,
    "actorId" TEXT NOT NULL,
    "actorName" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'granted',
    "gatewayId" UUID,
    "channelGatewayId" UUID,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "openedAt" TIMESTAMPTZ(3),
    "endedAt" TIMESTAMPTZ(3),
    "until" TIMESTAMPTZ(3) NOT NULL,
    "bytesUp" BIGINT NOT NULL DEFAULT 0,
    "bytesDown" BIGINT NOT NULL DEFAULT 0,
    "endReason" TEXT,

    CONSTRAINT "ReachSession_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Relay" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "organisationId" UUID NOT NULL,
    "number" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "nameKey" TEXT NOT NULL,
    "relayKey" TEXT NOT NULL,
    "relayKeySha256" TEXT NOT NULL,
    "direction" TEXT NOT NULL DEFAULT 'relay-dials',
    "address" JSONB,
    "agentAddress" JSONB,
    "behindRelayId" UUID,
    "siteId" UUID,
    "networks" TEXT[],
    "listeningAgents" JSONB NOT NULL DEFAULT '[]',
    "confirmed" JSONB NOT NULL DEFAULT '[]',
    "note" TEXT NOT NULL DEFAULT '',
    "version" INTEGER NOT NULL DEFAULT 0,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "Relay_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "RelayGateway" (
    "relayId" UUID NOT NULL,
    "gatewayId" UUID NOT NULL,
    "ordinal" INTEGER NOT NULL,

    CONSTRAINT "RelayGateway_pkey" PRIMARY KEY ("relayId","gatewayId")
);

-- CreateTable
CREATE TABLE "RelaySession" (
    "relayId" UUID NOT NULL,
    "gatewayId" UUID NOT NULL,
    "node" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "fingerprint" TEXT,
    "report" JSONB NOT NULL,
    "since" TIMESTAMPTZ(3) NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "bytesPerSecond" DOUBLE PRECISION NOT NULL DEFAULT 0,

    CONSTRAINT "RelaySession_pkey" PRIMARY KEY ("relayId","gatewayId","node")
);

-- CreateTable
CREATE TABLE "Task" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "organisationId" UUID NOT NULL,
    "agentId" UUID NOT NULL,
    "batchId" UUID,
    "kind" TEXT NOT NULL,
    "order" JSONB NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'waiting',
    "createdById" TEXT NOT NULL,
    "createdByName" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "sentAt" TIMESTAMPTZ(3),
    "startedAt" TIMESTAMPTZ(3),
    "endedAt" TIMESTAMPTZ(3),
    "sequence" INTEGER NOT NULL DEFAULT -1,
    "progress" INTEGER,
    "message" TEXT NOT NULL DEFAULT '',
    "output" TEXT NOT NULL DEFAULT '',
    "isOutputCut" BOOLEAN NOT NULL DEFAULT false,
    "exitCode" INTEGER,
    "findings" JSONB NOT NULL DEFAULT '[]',
    "rejection" JSONB,
    "cancelWantedAt" TIMESTAMPTZ(3),
    "cancelId" UUID,

    CONSTRAINT "Task_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "TaskBatch" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "organisationId" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "order" JSONB NOT NULL,
    "groupIds" UUID[],
    "concurrency" INTEGER NOT NULL,
    "haltAtFailurePercent" INTEGER NOT NULL,
    "expiresInMinutes" INTEGER NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'running',
    "haltReason" TEXT,
    "total" INTEGER NOT NULL DEFAULT 0,
    "createdById" TEXT NOT NULL,
    "createdByName" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "endedAt" TIMESTAMPTZ(3),

    CONSTRAINT "TaskBatch_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "ConsoleKey_kid_key" ON "ConsoleKey"("kid");

-- CreateIndex
CREATE INDEX "ConsoleKey_organisationId_use_idx" ON "ConsoleKey"("organisationId", "use");

-- CreateIndex
CREATE INDEX "AgentChannel_agentId_openedAt_idx" ON "AgentChannel"("agentId", "openedAt");

-- CreateIndex
CREATE INDEX "AgentChannel_gatewayId_endedAt_idx" ON "AgentChannel"("gatewayId", "endedAt");

-- CreateIndex
CREATE UNIQUE INDEX "ReachRule_organisationId_nameKey_key" ON "ReachRule"("organisationId", "nameKey");

-- CreateIndex
CREATE INDEX "ReachRuleGroup_groupId_idx" ON "ReachRuleGroup"("groupId");

-- CreateIndex
CREATE INDEX "ReachRequest_organisationId_createdAt_idx" ON "ReachRequest"("organisationId", "createdAt");

-- CreateIndex
CREATE INDEX "ReachRequest_agentId_actorId_idx" ON "ReachRequest"("agentId", "actorId");

-- CreateIndex
CREATE INDEX "ReachSession_organisationId_createdAt_idx" ON "ReachSession"("organisationId", "createdAt");

-- CreateIndex
CREATE INDEX "ReachSession_agentId_createdAt_idx" ON "ReachSession"("agentId", "createdAt");

-- CreateIndex
CREATE INDEX "ReachSession_organisationId_state_idx" ON "ReachSession"("organisationId", "state");

-- CreateIndex
CREATE UNIQUE INDEX "Relay_organisationId_nameKey_key" ON "Relay"("organisationId", "nameKey");

-- CreateIndex
CREATE UNIQUE INDEX "Relay_organisationId_number_key" ON "Relay"("organisationId", "number");

-- CreateIndex
CREATE UNIQUE INDEX "Relay_organisationId_relayKeySha256_key" ON "Relay"("organisationId", "relayKeySha256");

-- CreateIndex
CREATE INDEX "RelayGateway_gatewayId_idx" ON "RelayGateway"("gatewayId");

-- CreateIndex
CREATE INDEX "RelaySession_gatewayId_idx" ON "RelaySession"("gatewayId");

-- CreateIndex
CREATE INDEX "Task_organisationId_createdAt_idx" ON "Task"("organisationId", "createdAt");

-- CreateIndex
CREATE INDEX "Task_agentId_state_idx" ON "Task"("agentId", "state");

-- CreateIndex
CREATE INDEX "Task_batchId_state_idx" ON "Task"("batchId", "state");

-- CreateIndex
CREATE INDEX "TaskBatch_organisationId_createdAt_idx" ON "TaskBatch"("organisationId", "createdAt");

-- CreateIndex
CREATE INDEX "TaskBatch_state_idx" ON "TaskBatch"("state");

-- AddForeignKey
ALTER TABLE "Certificate" ADD CONSTRAINT "Certificate_apiKeyId_fkey" FOREIGN KEY ("apiKeyId") REFERENCES "ApiKey"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ConsoleKey" ADD CONSTRAINT "ConsoleKey_organisationId_fkey" FOREIGN KEY ("organisationId") REFERENCES "Organisation"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "AgentChannel" ADD CONSTRAINT "AgentChannel_agentId_fkey" FOREIGN KEY ("agentId") REFERENCES "Agent"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "AgentChannel" ADD CONSTRAINT "AgentChannel_gatewayId_fkey" FOREIGN KEY ("gatewayId") REFERENCES "Gateway"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ReachRule" ADD CONSTRAINT "ReachRule_organisationId_fkey" FOREIGN KEY ("organisationId") REFERENCES "Organisation"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ReachRuleGroup" ADD CONSTRAINT "ReachRuleGroup_ruleId_fkey" FOREIGN KEY ("ruleId") REFERENCES "ReachRule"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ReachRuleGroup" ADD CONSTRAINT "ReachRuleGroup_groupId_fkey" FOREIGN KEY ("groupId") REFERENCES "AgentGroup"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ReachRequest" ADD CONSTRAINT "ReachRequest_organisationId_fkey" FOREIGN KEY ("organisationId") REFERENCES "Organisation"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ReachRequest" ADD CONSTRAINT "ReachRequest_agentId_fkey" FOREIGN KEY ("agentId") REFERENCES "Agent"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ReachRequest" ADD CONSTRAINT "ReachRequest_ruleId_fkey" FOREIGN KEY ("ruleId") REFERENCES "ReachRule"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ReachSession" ADD CONSTRAINT "ReachSession_organisationId_fkey" FOREIGN KEY ("organisationId") REFERENCES "Organisation"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ReachSession" ADD CONSTRAINT "ReachSession_agentId_fkey" FOREIGN KEY ("agentId") REFERENCES "Agent"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ReachSession" ADD CONSTRAINT "ReachSession_ruleId_fkey" FOREIGN KEY ("ruleId") REFERENCES "ReachRule"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Relay" ADD CONSTRAINT "Relay_organisationId_fkey" FOREIGN KEY ("organisationId") REFERENCES "Organisation"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Relay" ADD CONSTRAINT "Relay_behindRelayId_fkey" FOREIGN KEY ("behindRelayId") REFERENCES "Relay"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Relay" ADD CONSTRAINT "Relay_siteId_fkey" FOREIGN KEY ("siteId") REFERENCES "Site"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "RelayGateway" ADD CONSTRAINT "RelayGateway_relayId_fkey" FOREIGN KEY ("relayId") REFERENCES "Relay"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "RelayGateway" ADD CONSTRAINT "RelayGateway_gatewayId_fkey" FOREIGN KEY ("gatewayId") REFERENCES "Gateway"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "RelaySession" ADD CONSTRAINT "RelaySession_relayId_fkey" FOREIGN KEY ("relayId") REFERENCES "Relay"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "RelaySession" ADD CONSTRAINT "RelaySession_gatewayId_fkey" FOREIGN KEY ("gatewayId") REFERENCES "Gateway"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Task" ADD CONSTRAINT "Task_organisationId_fkey" FOREIGN KEY ("organisationId") REFERENCES "Organisation"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Task" ADD CONSTRAINT "Task_agentId_fkey" FOREIGN KEY ("agentId") REFERENCES "Agent"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Task" ADD CONSTRAINT "Task_batchId_fkey" FOREIGN KEY ("batchId") REFERENCES "TaskBatch"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "TaskBatch" ADD CONSTRAINT "TaskBatch_organisationId_fkey" FOREIGN KEY ("organisationId") REFERENCES "Organisation"("id") ON DELETE CASCADE ON UPDATE CASCADE;

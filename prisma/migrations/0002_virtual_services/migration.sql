-- AlterTable
ALTER TABLE "GatewayListener" ADD COLUMN     "acceptProxy" JSONB NOT NULL DEFAULT '{"kind":"off"}';

-- CreateTable
CREATE TABLE "Pool" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "organisationId" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "nameKey" TEXT NOT NULL,
    "scheduling" TEXT NOT NULL DEFAULT 'failover',
    "failsBack" BOOLEAN NOT NULL DEFAULT true,
    "isSessionBound" BOOLEAN NOT NULL DEFAULT false,
    "healthCheck" JSONB NOT NULL,
    "passiveCheck" JSONB,
    "note" TEXT NOT NULL DEFAULT '',
    "version" INTEGER NOT NULL DEFAULT 0,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "Pool_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "PoolMember" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "poolId" UUID NOT NULL,
    "ordinal" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "host" TEXT NOT NULL,
    "port" INTEGER NOT NULL,
    "weight" INTEGER NOT NULL DEFAULT 1,
    "maxConnections" INTEGER,
    "state" TEXT NOT NULL DEFAULT 'enabled',

    CONSTRAINT "PoolMember_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "MemberHealth" (
    "gatewayId" UUID NOT NULL,
    "memberId" UUID NOT NULL,
    "state" TEXT NOT NULL,
    "cause" TEXT NOT NULL,
    "since" TIMESTAMPTZ(3) NOT NULL,
    "checkedAt" TIMESTAMPTZ(3),
    "tookMs" DOUBLE PRECISION,
    "certificate" JSONB,

    CONSTRAINT "MemberHealth_pkey" PRIMARY KEY ("gatewayId","memberId")
);

-- CreateTable
CREATE TABLE "MemberHealthEvent" (
    "id" BIGSERIAL NOT NULL,
    "poolId" UUID NOT NULL,
    "memberId" UUID NOT NULL,
    "gatewayId" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "before" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "cause" TEXT NOT NULL,

    CONSTRAINT "MemberHealthEvent_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "VirtualService" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "organisationId" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "nameKey" TEXT NOT NULL,
    "isEnabled" BOOLEAN NOT NULL DEFAULT true,
    "address" TEXT NOT NULL,
    "port" INTEGER NOT NULL,
    "serverNames" TEXT[],
    "mode" TEXT NOT NULL,
    "protocol" TEXT NOT NULL,
    "stampName" TEXT,
    "settings" JSONB NOT NULL,
    "limits" JSONB NOT NULL DEFAULT '{}',
    "persistenceKey" BYTEA NOT NULL,
    "poolId" UUID NOT NULL,
    "note" TEXT NOT NULL DEFAULT '',
    "version" INTEGER NOT NULL DEFAULT 0,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "VirtualService_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "VirtualServiceGateway" (
    "serviceId" UUID NOT NULL,
    "gatewayId" UUID NOT NULL,

    CONSTRAINT "VirtualServiceGateway_pkey" PRIMARY KEY ("serviceId","gatewayId")
);

-- CreateTable
CREATE TABLE "VirtualServiceCertificate" (
    "serviceId" UUID NOT NULL,
    "certificateId" UUID NOT NULL,
    "ordinal" INTEGER NOT NULL,

    CONSTRAINT "VirtualServiceCertificate_pkey" PRIMARY KEY ("serviceId","certificateId")
);

-- CreateTable
CREATE TABLE "ServiceLoad" (
    "gatewayId" UUID NOT NULL,
    "serviceId" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "load" JSONB NOT NULL,

    CONSTRAINT "ServiceLoad_pkey" PRIMARY KEY ("gatewayId","serviceId")
);

-- CreateTable
CREATE TABLE "ServiceSample" (
    "gatewayId" UUID NOT NULL,
    "serviceId" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "connections" INTEGER NOT NULL,
    "opened" BIGINT NOT NULL,
    "requests" BIGINT NOT NULL,
    "refused" BIGINT NOT NULL,
    "bytesUp" BIGINT NOT NULL,
    "bytesDown" BIGINT NOT NULL,

    CONSTRAINT "ServiceSample_pkey" PRIMARY KEY ("gatewayId","serviceId","at")
);

-- CreateIndex
CREATE UNIQUE INDEX "Pool_organisationId_nameKey_key" ON "Pool"("organisationId", "nameKey");

-- CreateIndex
CREATE INDEX "PoolMember_poolId_ordinal_idx" ON "PoolMember"("poolId", "ordinal");

-- CreateIndex
CREATE UNIQUE INDEX "PoolMember_poolId_host_port_key" ON "PoolMember"("poolId", "host", "port");

-- CreateIndex
CREATE INDEX "MemberHealth_memberId_idx" ON "MemberHealth"("memberId");

-- CreateIndex
CREATE INDEX "MemberHealthEvent_poolId_at_idx" ON "MemberHealthEvent"("poolId", "at");

-- CreateIndex
CREATE INDEX "MemberHealthEvent_memberId_at_idx" ON "MemberHealthEvent"("memberId", "at");

-- CreateIndex
CREATE UNIQUE INDEX "MemberHealthEvent_gatewayId_memberId_at_state_key" ON "MemberHealthEvent"("gatewayId", "memberId", "at", "state");

-- CreateIndex
CREATE INDEX "VirtualService_poolId_idx" ON "VirtualService"("poolId");

-- CreateIndex
CREATE UNIQUE INDEX "VirtualService_organisationId_nameKey_key" ON "VirtualService"("organisationId", "nameKey");

-- CreateIndex
CREATE INDEX "VirtualServiceGateway_gatewayId_idx" ON "VirtualServiceGateway"("gatewayId");

-- CreateIndex
CREATE INDEX "VirtualServiceCertificate_certificateId_idx" ON "VirtualServiceCertificate"("certificateId");

-- CreateIndex
CREATE INDEX "ServiceLoad_serviceId_idx" ON "ServiceLoad"("serviceId");

-- CreateIndex
CREATE INDEX "ServiceSample_serviceId_at_idx" ON "ServiceSample"("serviceId", "at");

-- AddForeignKey
ALTER TABLE "Pool" ADD CONSTRAINT "Pool_organisationId_fkey" FOREIGN KEY ("organisationId") REFERENCES "Organisation"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "PoolMember" ADD CONSTRAINT "PoolMember_poolId_fkey" FOREIGN KEY ("poolId") REFERENCES "Pool"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "MemberHealth" ADD CONSTRAINT "MemberHealth_gatewayId_fkey" FOREIGN KEY ("gatewayId") REFERENCES "Gateway"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "MemberHealth" ADD CONSTRAINT "MemberHealth_memberId_fkey" FOREIGN KEY ("memberId") REFERENCES "PoolMember"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "MemberHealthEvent" ADD CONSTRAINT "MemberHealthEvent_memberId_fkey" FOREIGN KEY ("memberId") REFERENCES "PoolMember"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "MemberHealthEvent" ADD CONSTRAINT "MemberHealthEvent_gatewayId_fkey" FOREIGN KEY ("gatewayId") REFERENCES "Gateway"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "VirtualService" ADD CONSTRAINT "VirtualService_organisationId_fkey" FOREIGN KEY ("organisationId") REFERENCES "Organisation"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "VirtualService" ADD CONSTRAINT "VirtualService_poolId_fkey" FOREIGN KEY ("poolId") REFERENCES "Pool"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "VirtualServiceGateway" ADD CONSTRAINT "VirtualServiceGateway_serviceId_fkey" FOREIGN KEY ("serviceId") REFERENCES "VirtualService"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "VirtualServiceGateway" ADD CONSTRAINT "VirtualServiceGateway_gatewayId_fkey" FOREIGN KEY ("gatewayId") REFERENCES "Gateway"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "VirtualServiceCertificate" ADD CONSTRAINT "VirtualServiceCertificate_serviceId_fkey" FOREIGN KEY ("serviceId") REFERENCES "VirtualService"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "VirtualServiceCertificate" ADD CONSTRAINT "VirtualServiceCertificate_certificateId_fkey" FOREIGN KEY ("certificateId") REFERENCES "Certificate"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ServiceLoad" ADD CONSTRAINT "ServiceLoad_gatewayId_fkey" FOREIGN KEY ("gatewayId") REFERENCES "Gateway"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ServiceLoad" ADD CONSTRAINT "ServiceLoad_serviceId_fkey" FOREIGN KEY ("serviceId") REFERENCES "VirtualService"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ServiceSample" ADD CONSTRAINT "ServiceSample_gatewayId_fkey" FOREIGN KEY ("gatewayId") REFERENCES "Gateway"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ServiceSample" ADD CONSTRAINT "ServiceSample_serviceId_fkey" FOREIGN KEY ("serviceId") REFERENCES "VirtualService"("id") ON DELETE CASCADE ON UPDATE CASCADE;

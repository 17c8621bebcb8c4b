-- AlterTable
ALTER TABLE "RelaySession" ADD COLUMN     "bytesUpPerSecond" DOUBLE PRECISION NOT NULL DEFAULT 0;

-- Which run of the agent program speaks for an identity, so that two machines with one identity are told apart (T22).
ALTER TABLE "Agent" ADD COLUMN IF NOT EXISTS "instance" TEXT;
ALTER TABLE "Agent" ADD COLUMN IF NOT EXISTS "instancePrevious" TEXT;
ALTER TABLE "Agent" ADD COLUMN IF NOT EXISTS "instanceAt" TIMESTAMPTZ(3);

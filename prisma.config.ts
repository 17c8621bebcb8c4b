/** Prisma's own configuration: only the generator is used; migrations run through scripts/db.mjs, which needs no engine download. */
import { defineConfig } from "prisma/config";

export default defineConfig({ schema: "prisma/schema.prisma" });

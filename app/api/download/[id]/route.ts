/** Bundles and gateway packages. */
import { handleDownload } from "@/server/auth/download.ts";

export const dynamic = "force-dynamic";
export const runtime = "nodejs";

export { handleDownload as GET };

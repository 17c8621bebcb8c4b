/** What a one-time link is for. */
import { handleLinkCheck } from "@/server/auth/link-http.ts";

export const dynamic = "force-dynamic";
export const runtime = "nodejs";

export { handleLinkCheck as POST };

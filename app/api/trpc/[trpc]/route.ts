/** HTTP adapter of the tRPC door. */
import { handleTrpc } from "@/server/trpc/http.ts";

export const dynamic = "force-dynamic";
export const runtime = "nodejs";

export { handleTrpc as GET, handleTrpc as POST };

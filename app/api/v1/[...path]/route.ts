/** The REST door and its OpenAPI document. */
import { handleRest } from "@/server/rest/handle.ts";

export const dynamic = "force-dynamic";
export const runtime = "nodejs";

export { handleRest as DELETE, handleRest as GET, handleRest as PATCH, handleRest as POST, handleRest as PUT };

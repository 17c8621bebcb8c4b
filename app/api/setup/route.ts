/** The first owner, by the set-up link's secret. */
import { handleSetUp, handleSetUpState } from "@/server/auth/link-http.ts";

export const dynamic = "force-dynamic";
export const runtime = "nodejs";

export { handleSetUpState as GET, handleSetUp as POST };

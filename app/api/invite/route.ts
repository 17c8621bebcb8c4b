/** An invited person sets a password. */
import { handleInvite } from "@/server/auth/link-http.ts";

export const dynamic = "force-dynamic";
export const runtime = "nodejs";

export { handleInvite as POST };

/** Sign-in and sign-out of people. */
import { handleAuth } from "@/server/auth/http.ts";

export const dynamic = "force-dynamic";
export const runtime = "nodejs";

export { handleAuth as GET, handleAuth as POST };

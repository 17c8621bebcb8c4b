/** Does anything answer plain HTTP at a gateway's front address? Neither its port nor port 80 of its name may (S0-02). */
import { speakPlainHttp } from "./http.ts";
import { isLoopbackAddress } from "./loopback.ts";

const httpPort = 80;

/** A sentence about what answered; null: nothing does. Port 80 of this computer itself is not the gateway's and is not asked. */
export async function plainHttpAt({ host, port, address }: { host: string; port: number; address: string }): Promise<string | null> {
  const own = await speakPlainHttp({ host, port, address });
  if (own.kind === "spoke-http") return `Port ${port} of ${host} answers plain HTTP: something in front of the gateway answers for it; turn its HTTP responder off.`;
  if (port === httpPort || isLoopbackAddress(address)) return null;
  const usual = await speakPlainHttp({ host, port: httpPort, address });
  return usual.kind === "spoke-http" ? `Port ${httpPort} of ${host} answers plain HTTP (a page or a redirect): turn the HTTP responder in front of the gateway off.` : null;
}

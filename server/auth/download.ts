/** Downloads: a link's id from the address, the right from the session or API key that asked for it. Single use; the content is made while it is sent. */
import { Readable } from "node:stream";
import { ConsoleError } from "../errors.ts";
import { openDownload } from "../services/download/open.ts";
import { answering } from "./answer.ts";
import { guardRequest } from "./guard.ts";
import { callerFromRequest } from "./session.ts";

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Answers GET /api/download/<id>. HEAD is refused: it would spend the link. */
export function handleDownload(incoming: Request): Promise<Response> {
  return answering(incoming, async (requestId) => {
    const request = await guardRequest(incoming);
    if (request.method !== "GET") throw new ConsoleError("input-invalid", "A download is read with GET.");
    const caller = await callerFromRequest(request);
    if (!caller) throw new ConsoleError("not-signed-in");
    const id = new URL(request.url).pathname.split("/").at(-1) ?? "";
    if (!uuid.test(id)) throw new ConsoleError("not-found", "There is no such download.");
    const { fileName, contentType, stream } = await openDownload({ ...caller, requestId }, id);
    return new Response(Readable.toWeb(stream) as ReadableStream<Uint8Array>, {
      headers: {
        "content-type": contentType,
        // File names are made from an object's name: quoted form for old clients, RFC 5987 form for the rest.
        "content-disposition": `attachment; filename="${fileName.replace(/[^\w.-]/g, "_")}"; filename*=UTF-8''${encodeURIComponent(fileName)}`,
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
      },
    });
  });
}

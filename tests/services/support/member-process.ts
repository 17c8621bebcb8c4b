/** A web server as a process of its own, so that it can be killed in the middle of answering. Tells its parent which request began and which ended. Arguments: name, milliseconds per answer. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const [, , name = "m", delayMs = "0", wantedPort = "0"] = process.argv;

const server = createServer((request, response) => {
  const id = request.headers["x-request"];
  if (id !== undefined) process.send?.({ began: Number(id) });
  const answer = (): void => {
    response.setHeader("X-Member", name);
    response.end(`answer of ${name}`, () => {
      if (id !== undefined) process.send?.({ ended: Number(id) });
    });
  };
  if (request.url?.startsWith("/healthz")) answer();
  else setTimeout(answer, Number(delayMs));
});
server.keepAliveTimeout = 60_000;
server.listen(Number(wantedPort), "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on("disconnect", () => process.exit(0));

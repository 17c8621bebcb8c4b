import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { EngineBench, offer } from "./support/engine-bench.ts";
import { fieldsOf, RawClient } from "./support/raw-client.ts";

const closers: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function member(listener: http.RequestListener): Promise<{ port: number; server: http.Server }> {
  const server = http.createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, server };
}

async function started(offered: ReturnType<typeof offer>[]): Promise<EngineBench> {
  const bench = await EngineBench.start(offered);
  closers.push(() => bench.close());
  return bench;
}

describe("requests over HTTP/1.1", () => {
  it("passes a request and its response on, with case, order and repeated fields as they were", async () => {
    let seen: string[] = [];
    const { port } = await member((request, response) => {
      seen = request.rawHeaders;
      response.writeHead(200, "Fine", ["X-First", "1", "Set-Cookie", "a=1", "x-MiXed", "2", "Set-Cookie", "b=2; Path=/", "Content-Length", "5"]);
      response.end("hello");
    });
    const offered = offer({ members: [{ port }] });
    const bench = await started([offered]);
    const client = new RawClient(bench.connect(offered));
    client.write("GET /a?b=c HTTP/1.1\r\nHost: web.example.com\r\nX-OnE: 1\r\naccept: */*\r\nX-OnE: 2\r\n\r\n");
    const response = await client.response();
    expect(response.status).toBe(200);
    expect(response.reason).toBe("Fine");
    expect(response.body).toBe("hello");
    expect(response.fields.slice(0, 4)).toEqual([["X-First", "1"], ["Set-Cookie", "a=1"], ["x-MiXed", "2"], ["Set-Cookie", "b=2; Path=/"]]);
    expect(fieldsOf(response, "Set-Cookie")).toHaveLength(2);
    expect(seen.slice(0, 8)).toEqual(["Host", "web.example.com", "X-OnE", "1", "accept", "*/*", "X-OnE", "2"]);
  });
});

import { expect, it } from "vitest";
import { clientAddress, proxyList } from "./source.ts";

const proxies = proxyList(["10.0.0.5", "10.1.0.0/16", "2001:db8::/64"]);

it("believes no forwarding header of a peer that is no trusted proxy [T27] [T35]", () => {
  expect(clientAddress("192.0.2.9", "198.51.100.1", proxies)).toBe("192.0.2.9");
  expect(clientAddress("::ffff:192.0.2.9", "198.51.100.1", proxyList([]))).toBe("192.0.2.9");
});

it("takes from a trusted proxy the last hop that is none, not what the client wrote [T27] [T35]", () => {
  expect(clientAddress("10.0.0.5", "1.2.3.4, 198.51.100.1", proxies)).toBe("198.51.100.1");
  expect(clientAddress("::ffff:10.0.0.5", "1.2.3.4, 198.51.100.1, 10.1.7.7", proxies)).toBe("198.51.100.1");
  expect(clientAddress("2001:db8::7", "2001:db8:1::9", proxies)).toBe("2001:db8:1::9");
});

it("stays with the proxy when the header is missing or damaged [T27]", () => {
  expect(clientAddress("10.0.0.5", undefined, proxies)).toBe("10.0.0.5");
  expect(clientAddress("10.0.0.5", "198.51.100.1, unknown", proxies)).toBe("10.0.0.5");
  expect(clientAddress("10.0.0.5", "10.1.0.1", proxies)).toBe("10.1.0.1");
});

/** 200 and more malformed, ambiguous and odd requests of our own, generated the same every time, with what must become of each. */

export type OwnRequest = { title: string; bytes: string; /** `refused`: no complete request may reach a member. `either`: legal but odd; passed on unambiguously or refused. */ must: "refused" | "either" };

const good = "Host: web.example.com\r\n";

export function ownRequests(): OwnRequest[] {
  return [...framing(), ...heads(), ...chunks(), ...targets(), ...hosts(), ...smuggled(), ...forwarded()];
}

function framing(): OwnRequest[] {
  const encodings = [",chunked", "chunked,", "chunked, chunked", "chunked,identity", "identity", "identity, chunked", "gzip, chunked", "chunked, gzip", "\tchunked\tx", "x-chunked", "chunke", "chunkedd", "\"chunked\"", "'chunked'", "chunked;q=1", "chunked\x0b", "\x0cchunked", "chunked\x00", "c\x68unked\x7f", "ch unked", "chunked\xa0", "\xa0chunked", "", " ", ";", ",", "0", "deflate", "trailers", "chunked\tchunked"];
  const lengths = ["+3", "-3", "3,3", "3, 3", "3,4", "0x3", "3.0", "3e0", "03", "00", " 3 3", "3;", "\"3\"", "", " ", "three", "18446744073709551619", "9007199254740993", "3\x0b", "\xb3", "٣", "3\x00", "3 abc", "- 3", "1_0"];
  return [
    ...encodings.map((value) => refused(`Transfer-Encoding ${JSON.stringify(value)}`, `POST / HTTP/1.1\r\n${good}Transfer-Encoding: ${value}\r\n\r\n3\r\nabc\r\n0\r\n\r\n`)),
    ...encodings.slice(0, 12).map((value) => refused(`Content-Length and Transfer-Encoding ${JSON.stringify(value)}`, `POST / HTTP/1.1\r\n${good}Content-Length: 3\r\nTransfer-Encoding: ${value}\r\n\r\nabc`)),
    ...lengths.map((value) => refused(`Content-Length ${JSON.stringify(value)}`, `POST / HTTP/1.1\r\n${good}Content-Length: ${value}\r\n\r\nabc`)),
    refused("two equal Content-Lengths", `POST / HTTP/1.1\r\n${good}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`),
    refused("two Content-Lengths in other case", `POST / HTTP/1.1\r\n${good}Content-Length: 3\r\ncontent-length: 0\r\n\r\nabc`),
    refused("two Transfer-Encodings", `POST / HTTP/1.1\r\n${good}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
    refused("Transfer-Encoding in HTTP/1.0", `POST / HTTP/1.0\r\n${good}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
    refused("Transfer_Encoding beside Content-Length", `POST / HTTP/1.1\r\n${good}Transfer_Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc`),
    refused("Content_Length beside Content-Length", `POST / HTTP/1.1\r\n${good}Content_Length: 0\r\nContent-Length: 3\r\n\r\nabc`),
    either("a chunked body named in upper case", `POST / HTTP/1.1\r\n${good}TRANSFER-ENCODING: CHUNKED\r\n\r\n3\r\nabc\r\n0\r\n\r\n`),
    either("framing fields named in Connection", `POST / HTTP/1.1\r\n${good}Connection: Content-Length, Host, Transfer-Encoding\r\nContent-Length: 3\r\n\r\nabc`),
  ];
}

function heads(): OwnRequest[] {
  const controls = Array.from({ length: 32 }, (_, code) => code).filter((code) => code !== 9 && code !== 10 && code !== 13);
  const inNames = [" ", "\t", "(", ")", "/", "\"", "[", "\x7f", "\xe9", "\x00", "@", ","];
  return [
    ...[...controls, 127].map((code) => refused(`control character ${code} in a value`, `GET / HTTP/1.1\r\n${good}X-Test: a${String.fromCharCode(code)}b\r\n\r\n`)),
    ...inNames.map((char) => refused(`${JSON.stringify(char)} in a field name`, `GET / HTTP/1.1\r\n${good}X${char}Test: a\r\n\r\n`)),
    refused("a bare CR in a value", `GET / HTTP/1.1\r\n${good}X-Test: a\rb\r\n\r\n`),
    refused("a bare LF in a value", `GET / HTTP/1.1\r\n${good}X-Test: a\nX-Other: b\r\n\r\n`),
    refused("a bare LF after the request line", `GET / HTTP/1.1\n${good}\r\n`),
    refused("a bare CR after the request line", `GET / HTTP/1.1\r${good}\r\n`),
    refused("bare LFs only", "GET / HTTP/1.1\nHost: web.example.com\n\n"),
    refused("a head that ends with LF LF", `GET / HTTP/1.1\r\nHost: web.example.com\n\n`),
    refused("a head that ends with LF CR LF", `GET / HTTP/1.1\r\nHost: web.example.com\n\r\n`),
    refused("a folded value", `GET / HTTP/1.1\r\n${good}X-Test: a\r\n b\r\n\r\n`),
    refused("a value folded with a tab", `GET / HTTP/1.1\r\n${good}X-Test: a\r\n\tb\r\n\r\n`),
    refused("a folded Transfer-Encoding", `POST / HTTP/1.1\r\n${good}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`),
    refused("a folded Host", `GET / HTTP/1.1\r\nHost:\r\n web.example.com\r\n\r\n`),
    refused("a space before the first field", `GET / HTTP/1.1\r\n Host: web.example.com\r\n\r\n`),
    refused("a space before the colon", `GET / HTTP/1.1\r\nHost : web.example.com\r\n\r\n`),
    refused("a tab before the colon", `POST / HTTP/1.1\r\n${good}Content-Length\t: 3\r\n\r\nabc`),
    refused("a field without a colon", `GET / HTTP/1.1\r\n${good}X-Test\r\n\r\n`),
    refused("a field without a name", `GET / HTTP/1.1\r\n${good}: a\r\n\r\n`),
    refused("101 fields", `GET / HTTP/1.1\r\n${good}${"X-Test: a\r\n".repeat(100)}\r\n`),
    refused("a head of 17 KiB", `GET / HTTP/1.1\r\n${good}X-Test: ${"a".repeat(17_000)}\r\n\r\n`),
    either("100 fields", `GET / HTTP/1.1\r\n${good}${"X-Test: a\r\n".repeat(99)}\r\n`),
    either("obs-text in a value", `GET / HTTP/1.1\r\n${good}X-Test: D\xfcsseldorf\r\n\r\n`),
    either("an empty value", `GET / HTTP/1.1\r\n${good}X-Test:\r\n\r\n`),
    either("a Cookie field that is no cookie", `GET / HTTP/1.1\r\n${good}Cookie: ;;;=;=a;b\r\n\r\n`),
  ];
}

function chunks(): OwnRequest[] {
  const sizes = ["+3", "-3", "0x3", "3 ", " 3", "3;", "3; ;", "3;\x00", "3;a\nb", "3\r", "g", "", "3_0", "FFFFFFFFFFFFFFFFF", "10000000000000000", "3\x0b", "3,3", "3.0", "3;=x", "３"];
  const of = (body: string): string => `POST / HTTP/1.1\r\n${good}Transfer-Encoding: chunked\r\n\r\n${body}`;
  return [
    ...sizes.map((size) => refused(`the chunk size ${JSON.stringify(size)}`, of(`${size}\r\nabc\r\n0\r\n\r\n`))),
    refused("a chunk longer than it says", of("3\r\nabcd\r\n0\r\n\r\n")),
    refused("a chunk without its end", of("3\r\nabc0\r\n\r\n")),
    refused("a chunk that ends with LF", of("3\r\nabc\n0\r\n\r\n")),
    refused("a chunk size that ends with LF", of("3\nabc\r\n0\r\n\r\n")),
    refused("a last chunk that ends with LF", of("3\r\nabc\r\n0\n\r\n")),
    refused("a trailer section that ends with LF", of("3\r\nabc\r\n0\r\n\n")),
    refused("a trailer with a bare CR", of("3\r\nabc\r\n0\r\nX-Test: a\rb\r\n\r\n")),
    refused("a trailer with NUL", of("3\r\nabc\r\n0\r\nX-Test: a\x00b\r\n\r\n")),
    refused("a folded trailer", of("3\r\nabc\r\n0\r\nX-Test: a\r\n b\r\n\r\n")),
    either("an extension", of("3;name=value\r\nabc\r\n0\r\n\r\n")),
    either("leading zeros in a chunk size", of("0003\r\nabc\r\n0\r\n\r\n")),
    ...["Content-Length: 5", "Transfer-Encoding: chunked", "Host: other", "Authorization: Basic eDp5", "Cookie: a=b", "Content-Type: text/html", "X-Forwarded-For: 10.0.0.1", "Connection: close"].map((field) => either(`the trailer ${field}`, of(`3\r\nabc\r\n0\r\n${field}\r\n\r\n`))),
  ];
}

function targets(): OwnRequest[] {
  const lines = ["GET", "GET /", "GET / HTTP/1.1 x", "GET  / HTTP/1.1", "GET / HTTP/1.1 ", "GET\t/\tHTTP/1.1", " GET / HTTP/1.1", "GET / HTTP/1.2", "GET / HTTP/2.0", "GET / HTTP/0.9", "GET / HTTP/1.10", "GET / HTTP/11", "GET / http/1.1", "GET / HTTPS/1.1", "GET / HTTP/1.1\x00", "GET /\x00 HTTP/1.1", "GET /\x7f HTTP/1.1", "GET /\xe9 HTTP/1.1", "GET /a b HTTP/1.1", "GET /a#b HTTP/1.1", "GET a HTTP/1.1", "GET * HTTP/1.1", "GET ?a HTTP/1.1", "GET //\r/ HTTP/1.1", "G@T / HTTP/1.1", "G\x00ET / HTTP/1.1", "CONNECT web.example.com:443 HTTP/1.1", "CONNECT / HTTP/1.1", "GET http://other.example.com/ HTTP/1.1", "GET http://user@web.example.com/ HTTP/1.1", "GET ftp://web.example.com/ HTTP/1.1", "GET http:/web.example.com/ HTTP/1.1", "GET http:// HTTP/1.1", "GET http://web.example.com:80@other/ HTTP/1.1", "PRI * HTTP/2.0"];
  return [
    ...lines.map((line) => refused(`the request line ${JSON.stringify(line)}`, `${line}\r\n${good}\r\n`)),
    either("an absolute-form target of the same host", `GET http://web.example.com/a HTTP/1.1\r\n${good}\r\n`),
    either("an absolute-form target without a path", `GET http://web.example.com?a HTTP/1.1\r\n${good}\r\n`),
    either("OPTIONS *", `OPTIONS * HTTP/1.1\r\n${good}\r\n`),
    either("escaped CR and LF in a path", `GET /a%0d%0aX-Test:%20b HTTP/1.1\r\n${good}\r\n`),
    either("a path with two slashes", `GET //other.example.com/ HTTP/1.1\r\n${good}\r\n`),
    either("empty lines before the request", `\r\n\r\nGET / HTTP/1.1\r\n${good}\r\n`),
    refused("TRACE with a body", `TRACE / HTTP/1.1\r\n${good}Content-Length: 3\r\n\r\nabc`),
    refused("an unknown expectation", `POST / HTTP/1.1\r\n${good}Expect: 200-ok\r\nContent-Length: 3\r\n\r\nabc`),
  ];
}

function hosts(): OwnRequest[] {
  const values = ["", " ", "a b", "a,b", "user@a", "a/b", "a?b", "a#b", "a\\b", "a:b", "a:1:2", "a:999999", "[::1", "::1", "[::1]x", "http://a", "a\tb", "a\x00", "a%00", "é"];
  return [
    ...values.map((value) => refused(`Host ${JSON.stringify(value)}`, `GET / HTTP/1.1\r\nHost: ${value}\r\n\r\n`)),
    refused("no Host", "GET / HTTP/1.1\r\nX-Test: a\r\n\r\n"),
    refused("two Hosts", `GET / HTTP/1.1\r\n${good}Host: other.example.com\r\n\r\n`),
    refused("two equal Hosts", `GET / HTTP/1.1\r\n${good}${good}\r\n`),
    refused("two Hosts in HTTP/1.0", `GET / HTTP/1.0\r\n${good}${good}\r\n`),
    either("HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n"),
  ];
}

function smuggled(): OwnRequest[] {
  const second = `GET /smuggled HTTP/1.1\r\n${good}\r\n`;
  return [
    refused("a request behind both lengths", `POST / HTTP/1.1\r\n${good}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${second}`),
    refused("a request behind an obscured encoding", `POST / HTTP/1.1\r\n${good}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${second}`),
    refused("a request in a chunk extension", `POST / HTTP/1.1\r\n${good}Transfer-Encoding: chunked\r\n\r\n3;\n${second}\r\nabc\r\n0\r\n\r\n`),
    either("a request as a GET's body", `GET / HTTP/1.1\r\n${good}Content-Length: ${second.length}\r\n\r\n${second}`),
    either("an upgrade to another protocol with a body", `POST / HTTP/1.1\r\n${good}Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc`),
    either("a WebSocket handshake with a body", `GET / HTTP/1.1\r\n${good}Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabc`),
  ];
}

/** What clients claim about themselves; never a reason to refuse, and never believed. */
function forwarded(): OwnRequest[] {
  return ["X-Forwarded-For: 10.0.0.1", "X_Forwarded_For: 10.0.0.1", "Forwarded: for=10.0.0.1", "X-Real-IP: 10.0.0.1", "Client-Cert: :AAAA:", "Client_Cert: :AAAA:", "Proxy: http://evil.example.com", "TE: gzip", "Keep-Alive: timeout=9", "Upgrade: h2c"].map((field) => either(field, `GET / HTTP/1.1\r\n${good}${field}\r\n\r\n`));
}

function refused(title: string, bytes: string): OwnRequest {
  return { title, bytes: Buffer.from(bytes, "latin1").toString("latin1"), must: "refused" };
}
function either(title: string, bytes: string): OwnRequest {
  return { title, bytes, must: "either" };
}

/** The certificate library with what it needs in place first: it throws without the polyfill, and signs with the runtime's own cryptography. */
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto as Crypto);

export { x509 };

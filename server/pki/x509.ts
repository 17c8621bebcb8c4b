/** @peculiar/x509, made ready: it needs the metadata polyfill before its first import and a WebCrypto of ours. Everything in this folder takes it from here. */
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto as Crypto);

export { x509 };

/** What all checks of one runner share: resolved names, and TLS contexts by their anchors (reading the system's certificates takes about 100 ms). */
import tls from "node:tls";
import { MemberNames } from "../../upstream/member-names.ts";

/** Contexts kept; one per different list of anchors. */
const contextsMax = 64;

export class ProbeMeans {
  readonly names: MemberNames;
  readonly #organisationAnchorsPem: readonly string[];
  readonly #contexts = new Map<string, tls.SecureContext>();

  /** `anchorsPem`: the organisation's CA, used with the system's where a check lists no anchors. */
  constructor(anchorsPem: readonly string[] = [], names = new MemberNames()) {
    this.#organisationAnchorsPem = anchorsPem;
    this.names = names;
  }

  /** Verifies against these anchors; none: the organisation's CA and the system's, as services do that re-encrypt. Throws when a PEM cannot be read. */
  context(anchorsPem: readonly string[]): tls.SecureContext {
    const key = anchorsPem.join("\n");
    const known = this.#contexts.get(key);
    if (known) return known;
    const ca = anchorsPem.length > 0 ? [...anchorsPem] : [...this.#organisationAnchorsPem, ...systemAnchors()];
    const made = tls.createSecureContext({ ca, minVersion: "TLSv1.2" });
    if (this.#contexts.size >= contextsMax) this.#contexts.clear();
    this.#contexts.set(key, made);
    return made;
  }
}

let systemPem: string[] | undefined;

function systemAnchors(): string[] {
  if (systemPem) return systemPem;
  const found = tls.getCACertificates("system");
  return (systemPem = [...new Set(found.length > 0 ? found : tls.rootCertificates)]);
}

/** What reading an imported file comes to: the parts, or the one thing that is wrong with it as a code and a sentence. */
export type ImportFile = { pem?: string; keyPem?: string; pkcs12?: Uint8Array; password?: string };

export type ImportCode = "certificate-key-mismatch" | "certificate-password" | "certificate-intermediate-missing" | "certificate-unreadable" | "certificate-not-usable" | "too-large";
export type ImportField = "pem" | "keyPem" | "pkcs12Base64" | "password";
export type ImportRefusal = { kind: "refused"; code: ImportCode; sentence: string; field: ImportField };
export type ImportParts = { kind: "read"; leafPem: string; /** Leaf first, without a root. */ chainPem: string; /** PKCS#8. */ keyPem: string };
export type ImportResult = ImportParts | ImportRefusal;

/** Thrown inside the readers, caught by `readImportFile`. */
export class ImportProblem extends Error {
  readonly code: ImportCode;
  readonly field: ImportField;

  constructor(code: ImportCode, field: ImportField, sentence: string, cause?: unknown) {
    super(sentence, cause === undefined ? undefined : { cause });
    this.code = code;
    this.field = field;
  }
}

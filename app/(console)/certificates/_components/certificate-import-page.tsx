"use client";
/** Import of a third party's certificate with its key: PEM texts or a PKCS#12 file, read in the browser. */
import { UploadSimple } from "@phosphor-icons/react";
import { useMutation } from "@tanstack/react-query";
import { type DragEvent, useId, useState } from "react";
import { certificateImport } from "@/contract/objects.ts";
import { routes } from "@/app/_nav/routes.ts";
import { useTRPC } from "@/app/_trpc/client.tsx";
import { readProblem } from "@/app/_trpc/problem.ts";
import { cx } from "@/app/_ui/cx.ts";
import { FieldError, TextAreaField, TextField } from "@/app/_ui/fields.tsx";
import { Form } from "@/app/_ui/form.tsx";
import { PageHeader } from "@/app/_ui/page.tsx";
import { useSaved } from "../../_shared/use-saved.ts";

type Material = { kind: "pem"; pem: string; keyPem: string } | { kind: "pkcs12"; fileName: string; base64: string };
const largestFile = 1_000_000;

/** PEM when it looks like one, PKCS#12 otherwise. */
async function readFile(file: File): Promise<{ pem: string } | { base64: string }> {
  const content = new Uint8Array(await file.arrayBuffer());
  const text = new TextDecoder().decode(content);
  if (text.includes("-----BEGIN ")) return { pem: text };
  let binary = "";
  for (let start = 0; start < content.length; start += 0x8000) binary += String.fromCharCode(...content.subarray(start, start + 0x8000));
  return { base64: btoa(binary) };
}

export function CertificateImportPage() {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [material, setMaterial] = useState<Material>({ kind: "pem", pem: "", keyPem: "" });
  const [problems, setProblems] = useState<Record<string, { type: string; message: string }>>({});
  const saved = useSaved();
  const send = useMutation(
    useTRPC().certificate.import.mutationOptions({
      onSuccess: ({ id }) => saved(`Certificate ${name} imported.`, routes.certificates.detail(id)),
      onError: (error) => {
        const problem = readProblem(error);
        setProblems(problem.fields.length > 0 ? Object.fromEntries(problem.fields.map((field) => [field.path || "root", { type: "server", message: field.message }])) : { [problem.code === "certificate-password" ? "password" : "root"]: { type: "server", message: problem.message } });
      },
    }),
  );
  const submit = () => {
    const wanted = material.kind === "pem" ? { pem: material.pem, ...(material.keyPem.trim() === "" ? {} : { keyPem: material.keyPem }) } : { pkcs12Base64: material.base64 };
    const parsed = certificateImport.safeParse({ name, ...wanted, ...(password === "" ? {} : { password }) });
    if (!parsed.success) return setProblems(Object.fromEntries(parsed.error.issues.map((issue) => [issue.path.join(".") || "root", { type: "schema", message: issue.message }])));
    if (material.kind === "pem" && material.pem.trim() === "") return setProblems({ pem: { type: "schema", message: "drop a file, or paste the certificate as PEM" } });
    setProblems({});
    send.mutate(parsed.data);
  };
  const take = async (files: Iterable<File>) => {
    setProblems({});
    for (const file of files) {
      if (file.size > largestFile) return setProblems({ root: { type: "size", message: `${file.name} is larger than 1 MB; a certificate with its chain is a few kB` } });
      const read = await readFile(file);
      setName((before) => (before === "" ? file.name.replace(/\.[^.]+$/, "").slice(0, 80) : before));
      if ("base64" in read) setMaterial({ kind: "pkcs12", fileName: file.name, base64: read.base64 });
      else {
        const isKeyOnly = read.pem.includes("PRIVATE KEY-----") && !read.pem.includes("BEGIN CERTIFICATE");
        setMaterial((before) => {
          const now = before.kind === "pem" ? before : { kind: "pem" as const, pem: "", keyPem: "" };
          return isKeyOnly ? { ...now, keyPem: read.pem } : { ...now, pem: now.pem === "" ? read.pem : `${now.pem.trimEnd()}\n${read.pem}` };
        });
      }
    }
  };
  return (
    <>
      <PageHeader crumb={{ label: "Certificates", href: routes.certificates.list }} title="Import certificate" purpose="For a gateway that presents a third party's certificate. The key is sealed here and travels to the gateway over its mTLS channel only." />
      <Form errors={problems} labels={{ name: "Name", pem: "Certificate", keyPem: "Private key", password: "Password", pkcs12Base64: "File" }} submit="Import certificate" cancelHref={routes.certificates.list} isBusy={send.isPending} onSubmit={(event) => { event.preventDefault(); submit(); }}>
        <TextField label="Name" value={name} onChange={(event) => setName(event.target.value)} error={problems["name"]?.message} />
        <DropZone onFiles={(files) => void take(files)} chosen={material.kind === "pkcs12" ? material.fileName : null} error={problems["pkcs12Base64"]?.message} />
        {material.kind === "pem" ? (
          <>
            <TextAreaField label="Certificate and chain (PEM)" isMono rows={6} placeholder="-----BEGIN CERTIFICATE-----" hint="Leaf first, then its intermediates. A private key in the same text is found, too." value={material.pem} onChange={(event) => setMaterial({ ...material, pem: event.target.value })} error={problems["pem"]?.message} />
            <TextAreaField label="Private key (PEM)" isOptional isMono rows={4} placeholder="-----BEGIN PRIVATE KEY-----" value={material.keyPem} onChange={(event) => setMaterial({ ...material, keyPem: event.target.value })} error={problems["keyPem"]?.message} />
          </>
        ) : (
          <p className="text-[13px]">
            PKCS#12 file <strong>{material.fileName}</strong>.{" "}
            <button type="button" className="text-accent underline" onClick={() => setMaterial({ kind: "pem", pem: "", keyPem: "" })}>
              Paste PEM instead
            </button>
          </p>
        )}
        <TextField label="Password of the key or file" type="password" isOptional autoComplete="off" value={password} onChange={(event) => setPassword(event.target.value)} error={problems["password"]?.message} />
      </Form>
    </>
  );
}

function DropZone({ onFiles, chosen, error }: { onFiles: (files: Iterable<File>) => void; chosen: string | null; error: string | undefined }) {
  const id = useId();
  const [isOver, setOver] = useState(false);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    onFiles([...event.dataTransfer.files]);
  };
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={id} onDragOver={(event) => { event.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)} onDrop={drop} className={cx("flex cursor-pointer flex-col items-center gap-1 rounded-lg border border-dashed px-4 py-6 text-center focus-within:outline-2 focus-within:outline-accent", isOver ? "border-accent bg-accent-tint" : "border-line-strong bg-surface hover:bg-sunken")}>
        <UploadSimple aria-hidden="true" size={22} className="text-ink-3" />
        <span className="font-medium">{chosen ?? "Drop files here, or choose them"}</span>
        <span className="text-[13px] text-ink-3">PEM, or PKCS#12 (.p12, .pfx), at most 1 MB</span>
        <input id={id} type="file" multiple accept=".pem,.crt,.cer,.key,.p12,.pfx" className="sr-only" onChange={(event) => event.target.files && onFiles([...event.target.files])} />
      </label>
      {error && <FieldError text={error} />}
    </div>
  );
}

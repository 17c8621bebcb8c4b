/** The documentation, as it is in the installation's own docs folder: readable without the Internet. */
import fs from "node:fs/promises";
import path from "node:path";
import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { Markdown } from "@/app/_ui/markdown.tsx";

type Properties = { params: Promise<{ name: string }> };

const folder = path.join(process.cwd(), "docs");

async function read(name: string): Promise<string> {
  if (!/^[A-Za-z0-9-]{1,60}$/.test(name)) notFound();
  return fs.readFile(path.join(folder, `${name}.md`), "utf8").catch(() => notFound());
}

export async function generateMetadata({ params }: Properties): Promise<Metadata> {
  const text = await read((await params).name);
  return { title: /^# (.+)$/m.exec(text)?.[1] ?? "Documentation" };
}

export default async function DocsPage({ params }: Properties) {
  return (
    <article className="max-w-3xl rounded-lg border border-line bg-surface px-5 py-6 sm:px-8">
      <Markdown text={await read((await params).name)} />
    </article>
  );
}

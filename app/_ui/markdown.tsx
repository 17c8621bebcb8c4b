/** Markdown as our own documentation uses it: headings, paragraphs, lists, tables, code and links. Text only ever becomes text: no HTML of the source is passed on. */
import type { ReactNode } from "react";

type Block = { kind: "heading"; level: number; text: string } | { kind: "paragraph"; text: string } | { kind: "list"; isOrdered: boolean; items: string[] } | { kind: "code"; text: string } | { kind: "table"; rows: string[][] };

export function Markdown({ text }: { text: string }) {
  return <div className="flex flex-col gap-3">{blocksOf(text).map((block, index) => <BlockView key={index} block={block} />)}</div>;
}

const listLine = /^\s*(?:[-*]|\d+\.) +(.*)$/;

function blocksOf(text: string): Block[] {
  const lines = text.replace(/\r/g, "").split("\n");
  const blocks: Block[] = [];
  let at = 0;
  const takeWhile = (fits: (line: string) => boolean): string[] => {
    const start = at;
    while (at < lines.length && fits(lines[at] ?? "")) at += 1;
    return lines.slice(start, at);
  };
  while (at < lines.length) {
    const line = lines[at] ?? "";
    const heading = /^(#{1,4}) +(.*)$/.exec(line);
    if (line.trim() === "" || line.startsWith("<!--")) at += 1;
    else if (line.startsWith("```")) {
      at += 1;
      blocks.push({ kind: "code", text: takeWhile((next) => !next.startsWith("```")).join("\n") });
      at += 1;
    } else if (heading) {
      blocks.push({ kind: "heading", level: heading[1]?.length ?? 2, text: heading[2] ?? "" });
      at += 1;
    } else if (line.startsWith("|")) {
      const rows = takeWhile((next) => next.startsWith("|")).filter((row) => !/^\|[\s:|-]+$/.test(row));
      blocks.push({ kind: "table", rows: rows.map((row) => row.replace(/^\||\|\s*$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replace(/\\\|/g, "|"))) });
    } else if (listLine.test(line)) {
      const items: string[] = [];
      for (const next of takeWhile((candidate) => candidate.trim() !== "" && (listLine.test(candidate) || /^\s+\S/.test(candidate)))) {
        const item = listLine.exec(next);
        if (item) items.push(item[1] ?? "");
        else items[items.length - 1] = `${items.at(-1) ?? ""} ${next.trim()}`;
      }
      blocks.push({ kind: "list", isOrdered: /^\s*\d/.test(line), items });
    } else blocks.push({ kind: "paragraph", text: takeWhile((next) => next.trim() !== "" && !/^(#|```|\|)/.test(next)).join(" ") });
  }
  return blocks;
}

function BlockView({ block }: { block: Block }) {
  if (block.kind === "heading") return <HeadingView level={block.level} text={block.text} />;
  if (block.kind === "paragraph") return <p>{inline(block.text)}</p>;
  if (block.kind === "code") {
    return (
      <pre tabIndex={0} className="overflow-x-auto rounded-md bg-sunken p-3 font-mono text-[12.5px] leading-5">
        {block.text}
      </pre>
    );
  }
  if (block.kind === "list") {
    const items = block.items.map((item, index) => <li key={index}>{inline(item)}</li>);
    return block.isOrdered ? <ol className="list-decimal pl-6">{items}</ol> : <ul className="list-disc pl-6">{items}</ul>;
  }
  const [head = [], ...rows] = block.rows;
  return (
    <div className="overflow-x-auto" tabIndex={0} role="region" aria-label={`Table: ${head.join(", ")}`}>
      <table className="w-full border-collapse text-left text-[13px]">
        <thead>
          <tr className="border-b border-line">{head.map((cell, index) => <th key={index} scope="col" className="py-1.5 pr-4 font-medium text-ink-3">{inline(cell)}</th>)}</tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index} className="border-b border-line align-top last:border-b-0">{row.map((cell, column) => <td key={column} className="py-1.5 pr-4">{inline(cell)}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function HeadingView({ level, text }: { level: number; text: string }) {
  const id = text.toLowerCase().replace(/[^a-z0-9 -]/g, "").replace(/ +/g, "-");
  if (level === 1) return <h1 className="text-[20px] leading-7 font-semibold">{inline(text)}</h1>;
  if (level === 2) return <h2 id={id} className="mt-3 text-[16px] font-semibold">{inline(text)}</h2>;
  return <h3 id={id} className="mt-2 text-[14px] font-semibold">{inline(text)}</h3>;
}

/** Code, bold and links within a line. A link to another page of the folder leads to it here; any other is shown as text. */
function inline(text: string): ReactNode[] {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*|\[[^\]]+\]\([^)\s]+\))/).map((part, index) => {
    if (part.startsWith("`") && part.length > 2) return <code key={index} className="rounded bg-sunken px-1 font-mono text-[0.92em] break-words">{part.slice(1, -1)}</code>;
    if (part.startsWith("**") && part.length > 4) return <strong key={index}>{part.slice(2, -2)}</strong>;
    const link = /^\[([^\]]+)\]\(([^)\s]+)\)$/.exec(part);
    const page = link && /^(?:\.\/)?([A-Za-z0-9-]+)\.md(#[a-z0-9-]+)?$/.exec(link[2] ?? "");
    if (link && page) return <a key={index} href={`/docs/${page[1]}${page[2] ?? ""}`} className="text-accent underline">{link[1]}</a>;
    if (link && /^(https:|#)/.test(link[2] ?? "")) return <a key={index} href={link[2]} className="text-accent underline">{link[1]}</a>;
    return link ? link[1] : part;
  });
}

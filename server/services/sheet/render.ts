/** Renders a sheet in one of the formats, with what the format was tried with. */
import type { z } from "zod";
import type { sheetFormat, sheetReply } from "../../../contract/service-objects.ts";
import { f5Sheet } from "./f5.ts";
import { haproxySheet } from "./haproxy.ts";
import { neutralSheet } from "./neutral.ts";
import { nginxSheet } from "./nginx.ts";
import { type Rendered, type Sheet, slug } from "./sheet.ts";

type Format = z.infer<typeof sheetFormat>;
type Sheeted = Exclude<Format, "json">;

/** Versions whose program accepted such a configuration and balanced a request with it in our tests (S0-06). */
const formats: Record<Sheeted, { render: (sheet: Sheet) => Rendered; extension: string; triedWith: string[] }> = {
  neutral: { render: neutralSheet, extension: "md", triedWith: [] },
  haproxy: { render: haproxySheet, extension: "haproxy.cfg", triedWith: ["HAProxy 2.6.12 (Debian 12)"] },
  nginx: { render: nginxSheet, extension: "nginx.conf", triedWith: ["nginx 1.22.1 (Debian 12)"] },
  f5: { render: f5Sheet, extension: "tmsh.txt", triedWith: [] },
};

export function renderSheet(sheet: Sheet, format: Sheeted): z.infer<typeof sheetReply> {
  const { render, extension, triedWith } = formats[format];
  const { text, notes } = render(sheet);
  return { fileName: `${slug(sheet.name)}.${extension}`, text, notes, triedWith };
}

/** The form of a service as an answer. */
export function renderForm(name: string, { text, notes }: Rendered): z.infer<typeof sheetReply> {
  return { fileName: `${slug(name)}.json`, text, notes, triedWith: [] };
}

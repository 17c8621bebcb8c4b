/**
 * Puts the model in place. Wide: lanes from the outside (left) to the inside (right), rows that never cross because each stands beside what it hangs on.
 * Narrow: an outline from top to bottom, as one reads on a phone. Lengths in the picture's own units, one of which is a pixel when nothing is zoomed.
 */
import type { Branch, Model, Place, Tie, Unit } from "./topology-model.ts";

export type Point = { x: number; y: number };
export type Box = { x: number; y: number; width: number; height: number };
/** `shape`: centre of the shape, or of the first dot. */
export type Placed = { unit: Unit; box: Box; shape: Point; text: Point & { anchor: "start" | "middle" } };
export type Region = { key: string; name: string; href: string | null; box: Box };
/** Why a line is cut, in up to three short lines around its middle. */
export type Label = Point & { words: string[] };
/** `dash`: the gap of a cut line, in hundredths of its length or, with `isExact`, in units. `label` is null when it found no room; the tables have it. */
export type Line = { tie: Tie; path: string; dash: { array: string; isExact: boolean } | null; label: Label | null };
export type Layout = { width: number; height: number; units: Placed[]; regions: Region[]; lines: Line[] };

const lineHeight = 16;
const margin = 16;

/** How the dots of a cloud stand: servers have a whole site's width. */
function gridOf(unit: Unit): { pitch: number; columns: number } {
  if (unit.kind === "agents") return { pitch: 13, columns: 12 };
  return { pitch: 20, columns: unit.kind === "cloud" && unit.of === "server" ? 11 : 8 };
}

/** Centre of dot `index`, from that of the first one. */
export function dotOffset(unit: Unit, index: number): Point {
  const { pitch, columns } = gridOf(unit);
  return { x: (index % columns) * pitch, y: Math.floor(index / columns) * pitch };
}

/** Space that the dots of a cloud take. */
function dotsSize(unit: Unit): { width: number; height: number } {
  if (unit.kind !== "agents" && unit.kind !== "cloud") return { width: 0, height: 0 };
  const { pitch, columns } = gridOf(unit);
  const shown = Math.max(1, unit.dots.length, unit.kind === "agents" ? unit.crowd.length : 0);
  return { width: Math.min(columns, shown) * pitch, height: Math.ceil(shown / columns) * pitch };
}

function isCloud(unit: Unit): boolean {
  return unit.kind === "agents" || unit.kind === "cloud";
}

export function layoutOf(model: Model, isNarrow: boolean): Layout {
  return isNarrow ? outline(model) : lanes(model);
}

// Wide --------------------------------------------------------------------------------------------------------------

const cellWidth = 156;
const laneGap = 160;
const rowGap = 20;
const insideWidth = 264;

function wideSize(unit: Unit): { width: number; height: number } {
  const text = (1 + unit.lines.length) * lineHeight;
  if (isCloud(unit)) {
    const dots = dotsSize(unit);
    return { width: Math.max(cellWidth, dots.width), height: dots.height + 8 + text };
  }
  return { width: cellWidth, height: 46 + text };
}

/** Rows of agents stand in the outermost lane, however many relays are before them. */
function depthOf(branch: Branch): number {
  return branch.children.reduce((max, child) => Math.max(max, (child.unit.kind === "agents" ? 0 : 1) + depthOf(child)), 0);
}

function lanes(model: Model): Layout {
  const units: Placed[] = [];
  const regions: Region[] = [];
  const relayLanes = model.branches.reduce((max, branch) => Math.max(max, depthOf(branch), branch.unit.kind === "relay" ? 1 : 0), 0);
  const widest = model.branches.flatMap(flat).reduce((max, unit) => Math.max(max, wideSize(unit).width), cellWidth);
  const pitch = Math.max(cellWidth, widest) + laneGap;
  const laneX = (lane: number) => margin + widest / 2 + lane * pitch;
  const gatewayLane = relayLanes + 1;

  /** Places a branch from `top` on; answers where it ends and where its own row is. */
  const place = (branch: Branch, lane: number, top: number): { bottom: number; middle: number } => {
    const size = wideSize(branch.unit);
    const own = branch.unit.kind === "agents" ? 0 : lane;
    const padding = branch.site === null ? 0 : 30;
    let next = top + padding;
    const middles: number[] = [];
    for (const child of branch.children) {
      const placed = place(child, lane - 1, next);
      middles.push(placed.middle);
      next = placed.bottom + rowGap;
    }
    const childrenBottom = branch.children.length > 0 ? next - rowGap : top + padding;
    const first = middles[0];
    const last = middles.at(-1);
    const centre = first === undefined || last === undefined ? top + padding + size.height / 2 : (first + last) / 2;
    const y = Math.max(top + padding, centre - size.height / 2);
    units.push(placedWide(branch.unit, laneX(own), y));
    const bottom = Math.max(childrenBottom, y + size.height);
    if (branch.site !== null) {
      const x = laneX(0) - widest / 2 - 10;
      regions.push({ key: `region ${branch.unit.key}`, name: branch.site, href: null, box: { x, y: top, width: laneX(lane) + cellWidth / 2 + 6 - x, height: bottom - top + 12 } });
    }
    return { bottom: bottom + (branch.site === null ? 0 : 12), middle: y + size.height / 2 };
  };
  let left = margin;
  for (const branch of model.branches) left = place(branch, branch.unit.kind === "relay" ? gatewayLane - 1 : gatewayLane, left).bottom + rowGap + 8;
  left = Math.max(margin, left - rowGap - 8);

  const insideX = laneX(gatewayLane) + widest / 2 + laneGap;
  let right = margin;
  const inside: { units: Placed[]; regions: Region[] } = { units: [], regions: [] };
  for (const entry of model.places) right = placeInside(entry, { x: insideX, y: right, width: insideWidth }, inside) + rowGap;
  right = Math.max(margin, right - rowGap);

  // The shorter side stands in the middle of the longer one.
  const height = Math.max(left, right, 160) + margin;
  move(units, regions, (height - margin - left) / 2);
  move(inside.units, inside.regions, (height - margin - right) / 2);
  const layout: Layout = { width: insideX + insideWidth + margin, height, units: [...units, ...inside.units], regions: [...regions, ...inside.regions], lines: [] };
  return { ...layout, lines: straightLines(model.ties, layout) };
}

function flat(branch: Branch): Unit[] {
  return [branch.unit, ...branch.children.flatMap(flat)];
}

function move(units: Placed[], regions: Region[], by: number): void {
  for (const entry of units) {
    entry.box.y += by;
    entry.shape.y += by;
    entry.text.y += by;
  }
  for (const region of regions) region.box.y += by;
}

function placedWide(unit: Unit, centreX: number, y: number): Placed {
  const size = wideSize(unit);
  const box = { x: centreX - size.width / 2, y, ...size };
  if (isCloud(unit)) {
    const dots = dotsSize(unit);
    const { pitch } = gridOf(unit);
    return { unit, box, shape: { x: centreX - dots.width / 2 + pitch / 2, y: y + pitch / 2 }, text: { x: centreX, y: y + dots.height + 18, anchor: "middle" } };
  }
  return { unit, box, shape: { x: centreX, y: y + 22 }, text: { x: centreX, y: y + 58, anchor: "middle" } };
}

/** A site as a soft rectangle with its servers in rows; answers its bottom. */
function placeInside(entry: Place, at: { x: number; y: number; width: number }, into: { units: Placed[]; regions: Region[] }): number {
  let y = at.y + 34;
  for (const unit of entry.units) {
    const placed = row(unit, at.x + 18, y, at.width - 36);
    into.units.push(placed);
    y += placed.box.height + 6;
  }
  const bottom = y + (entry.units.length === 0 ? 0 : 4);
  into.regions.push({ key: entry.key, name: entry.name, href: entry.href, box: { x: at.x, y: at.y, width: at.width, height: bottom - at.y } });
  return bottom;
}

/** A unit with its shape on the left and its text on the right; clouds with their text below. */
function row(unit: Unit, x: number, y: number, width: number): Placed {
  if (isCloud(unit)) {
    const dots = dotsSize(unit);
    const { pitch } = gridOf(unit);
    return { unit, box: { x, y, width, height: dots.height + 8 + (1 + unit.lines.length) * lineHeight }, shape: { x: x + pitch / 2, y: y + pitch / 2 }, text: { x, y: y + dots.height + 18, anchor: "start" } };
  }
  const height = Math.max(44, (1 + unit.lines.length) * lineHeight + 8);
  const half = unit.kind === "server" ? 14 : 24;
  return { unit, box: { x, y, width, height }, shape: { x: x + half, y: y + height / 2 }, text: { x: x + half * 2 + 10, y: y + height / 2 + 4 - (unit.lines.length * lineHeight) / 2, anchor: "start" } };
}

/** Where lines leave and reach a unit in the lanes. */
function ends(entry: Placed): { left: Point; right: Point } {
  const { unit, box, shape } = entry;
  if (isCloud(unit)) {
    const dots = dotsSize(unit);
    const { pitch } = gridOf(unit);
    const y = shape.y - pitch / 2 + dots.height / 2;
    return { left: { x: shape.x - pitch / 2 - 6, y }, right: { x: shape.x - pitch / 2 + dots.width + 6, y } };
  }
  const reach = unit.kind === "server" ? 16 : 24;
  return { left: { x: unit.kind === "server" ? box.x - 2 : shape.x - reach, y: shape.y }, right: { x: shape.x + reach, y: shape.y } };
}

/** The gap of a line in the lanes: its middle, whatever its length. */
const middleGap = { array: "36 28 36 100", isExact: false } as const;

/** Lines run along their own row to the last gap before their end, and bend only there: so none runs through a name. */
function straightLines(ties: readonly Tie[], layout: Layout): Line[] {
  const byKey = new Map(layout.units.map((entry) => [entry.unit.key, entry]));
  const regions = new Map(layout.regions.map((region) => [region.key, region]));
  const taken: Box[] = layout.units.map((entry) => entry.box);
  return ties.flatMap((tie): Line[] => {
    const from = byKey.get(tie.from);
    const target = byKey.get(tie.to);
    const region = regions.get(tie.to);
    if (!from || (!target && !region)) return [];
    if (tie.kind === "peer" && target) return [{ tie, path: `M${from.shape.x} ${from.box.y + from.box.height + 2} V${target.shape.y - 22}`, dash: null, label: null }];
    const start = ends(from).right;
    const end = target ? ends(target).left : region ? { x: region.box.x, y: region.box.y + region.box.height / 2 } : start;
    const bendEnd = target && target.unit.kind !== "server" ? Math.min(end.x, target.box.x - 2) : end.x;
    const bendStart = tie.kind === "plain" ? Math.max(start.x, from.box.x + from.box.width) : Math.max(start.x, bendEnd - laneGap + 4);
    const path = curve(start, { x: bendStart, y: start.y }, { x: bendEnd, y: end.y }, end);
    const label = tie.cut === null || tie.isQuiet ? null : room(tie.cut, { x: bendStart, y: start.y }, { x: bendEnd, y: end.y }, taken);
    return [{ tie, path, dash: tie.cut === null ? null : middleGap, label }];
  });
}

function curve(start: Point, bendStart: Point, bendEnd: Point, end: Point): string {
  const middle = (bendStart.x + bendEnd.x) / 2;
  return `M${start.x} ${start.y} H${bendStart.x} C${middle} ${bendStart.y} ${middle} ${bendEnd.y} ${bendEnd.x} ${bendEnd.y} H${end.x}`;
}

/** A reason broken at its spaces into lines of at most 23 characters, three at most. */
export function breakWords(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && `${last} ${word}`.length <= 23) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  const shown = lines.slice(0, 3).map((line) => (line.length > 24 ? `${line.slice(0, 23)}…` : line));
  return lines.length > 3 ? [...shown.slice(0, 2), `${shown[2]?.slice(0, 22) ?? ""}…`] : shown;
}

/** Space a label takes around its middle. */
export function labelBox({ x, y, words }: Label): Box {
  const width = Math.max(...words.map((word) => word.length)) * 6.6 + 12;
  const height = words.length * 15 + 6;
  return { x: x - width / 2, y: y - height / 2, width, height };
}

/** A free place for a reason on its line, tried from the middle outwards. */
function room(text: string, start: Point, end: Point, taken: Box[]): Label | null {
  const words = breakWords(text);
  for (const t of [0.5, 0.4, 0.6, 0.3, 0.7, 0.22, 0.78]) {
    const label = { ...onCurve(start, end, t), words };
    const box = labelBox(label);
    if (taken.some((other) => overlap(box, other))) continue;
    taken.push(box);
    return label;
  }
  return null;
}

function onCurve(start: Point, end: Point, t: number): Point {
  const u = 1 - t;
  const middle = (start.x + end.x) / 2;
  return { x: u ** 3 * start.x + 3 * u * t * (u + t) * middle + t ** 3 * end.x, y: (u ** 3 + 3 * u ** 2 * t) * start.y + (3 * u * t ** 2 + t ** 3) * end.y };
}

export function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

// Narrow ------------------------------------------------------------------------------------------------------------

const narrowWidth = 358;
const indent = 40;

/** Gateways with what hangs on them, one row each; then the sites, reached by one trunk on the left. There is no room at a gap: what is cut says why under its name. */
function outline(model: Model): Layout {
  const units: Placed[] = [];
  const regions: Region[] = [];
  const reasons = new Map(model.ties.flatMap((tie) => (tie.cut === null ? [] : [[tie.kind === "plain" ? tie.to : tie.from, tie.cut] as const])));
  const told = (unit: Unit): Unit => {
    const reason = reasons.get(unit.key);
    return reason === undefined || unit.kind === "agents" || unit.kind === "cloud" || unit.lines.includes(reason) ? unit : { ...unit, lines: [...unit.lines.slice(0, 1), reason, ...unit.lines.slice(1)] };
  };
  let y = 12;
  const put = (branch: Branch, depth: number): void => {
    const placed = row(told(branch.unit), 26 + depth * indent, y, narrowWidth - 34 - depth * indent);
    units.push(placed);
    y += placed.box.height + 14;
    for (const child of branch.children) put(child, depth + 1);
  };
  for (const branch of model.branches) put(branch, 0);
  const inside = { units: [] as Placed[], regions: [] as Region[] };
  for (const entry of model.places) y = placeInside({ ...entry, units: entry.units.map(told) }, { x: 26, y, width: narrowWidth - 34 }, inside) + 14;
  const layout: Layout = { width: narrowWidth, height: y + 4, units: [...units, ...inside.units], regions: [...regions, ...inside.regions], lines: [] };
  return { ...layout, lines: [...elbows(model.ties, layout), ...trunk(model.ties, layout)] };
}

/** Down from what something hangs on, then across to it; where it is cut, the gap is at its end. */
function elbows(ties: readonly Tie[], layout: Layout): Line[] {
  const byKey = new Map(layout.units.map((entry) => [entry.unit.key, entry]));
  return ties.flatMap((tie): Line[] => {
    const from = byKey.get(tie.from);
    const to = byKey.get(tie.to);
    if (tie.kind !== "tunnel" || !from || !to || from.box.y < to.box.y) return [];
    const x = to.box.x + 24;
    const level = from.shape.y + (from.unit.kind === "relay" ? 8 : 0);
    const start = isCloud(to.unit) ? to.box.y + to.box.height : to.shape.y + (to.unit.kind === "relay" ? 10 : 20);
    const end = isCloud(from.unit) ? from.box.x - 4 : from.shape.x - 22;
    const length = level - start + end - x;
    return [{ tie, path: `M${x} ${start} V${level} H${end}`, dash: tie.cut === null ? null : { array: `${length - 14} 10 4 ${length}`, isExact: true }, label: null }];
  });
}

/** One line for all plain connections: which gateway reaches which server is in the tables. */
function trunk(ties: readonly Tie[], layout: Layout): Line[] {
  const byKey = new Map(layout.units.map((entry) => [entry.unit.key, entry]));
  const plain = ties.filter((tie) => tie.kind === "plain");
  const one = (tie: Tie, key: string, path: string): Line => ({ tie: { ...tie, key, cut: null, isQuiet: false }, path, dash: null, label: null });
  const bottom = layout.regions[0]?.box.y ?? layout.height;
  const sources = [...new Map(plain.map((tie) => [tie.from, tie])).values()].flatMap((tie) => {
    const from = byKey.get(tie.from);
    return from ? [one(tie, `trunk from ${tie.from}`, `M${isCloud(from.unit) ? from.box.x - 4 : from.shape.x - 22} ${from.shape.y} H8 V${bottom}`)] : [];
  });
  const targets = [...new Map(plain.map((tie) => [tie.to, tie])).values()].flatMap((tie) => {
    const target = byKey.get(tie.to);
    const region = layout.regions.find((entry) => entry.key === tie.to);
    const end = target ? { x: isCloud(target.unit) ? target.box.x - 4 : target.shape.x - 14, y: target.shape.y } : region ? { x: region.box.x, y: region.box.y + 20 } : undefined;
    return end ? [one(tie, `trunk to ${tie.to}`, `M8 ${bottom} V${end.y} H${end.x}`)] : [];
  });
  return [...sources, ...targets];
}

/** What every part of the demo data needs: where it goes, how much, and the words it is made of. */
import type { Db } from "../../server/db.ts";
import type { Random } from "./random.ts";

export type Seed = { db: Db; organisationId: string; rows: number; random: Random; now: Date };

const minuteMs = 60_000;

export function minutesBefore(seed: Seed, minutes: number): Date {
  return new Date(seed.now.getTime() - minutes * minuteMs);
}

export const towns = ["Lisbon", "Porto", "Berlin", "Leipzig", "Graz", "Vienna", "Zurich", "Basel", "Lyon", "Nantes", "Ghent", "Utrecht", "Aarhus", "Malmö", "Turku", "Tartu", "Kaunas", "Gdańsk", "Brno", "Košice", "Szeged", "Cluj", "Varna", "Split", "Ljubljana", "Trieste", "Parma", "Girona", "Vigo", "Cork"] as const;

/** A name that is unique within its kind, and long enough here and there to try a layout. */
export function numbered(base: string, index: number, total: number): string {
  return total <= 3 ? base : `${base} ${String(index + 1).padStart(3, "0")}`;
}

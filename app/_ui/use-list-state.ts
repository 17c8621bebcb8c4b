"use client";
/** A list's search, filters, sorting and page, kept in the address so that a view can be linked, reloaded and gone back to. */
import { parseAsBoolean, parseAsInteger, parseAsString, parseAsStringLiteral, useQueryStates } from "nuqs";
import { useMemo } from "react";
import { pageSizes } from "@/contract/list.ts";

type Choices = Record<string, readonly string[] | "text">;
type Chosen<F extends Choices> = { [K in keyof F]?: F[K] extends readonly (infer V)[] ? V : string };

export type ListState<S extends string, F extends Choices> = {
  /** What the list procedure gets. */
  input: { search: string; sort: S; desc: boolean; page: number; pageSize: number } & Chosen<F>;
  filters: Record<string, string | null>;
  setSearch: (search: string) => void;
  setFilter: (name: string, value: string | null) => void;
  setSort: (sort: string, desc: boolean) => void;
  setPage: (page: number) => void;
  setPageSize: (size: number) => void;
  /** True when anything narrows the list. */
  isNarrowed: boolean;
  clear: () => void;
};

/** `sorts` are the columns the procedure can sort by, `standard` the one used when the address names none. */
export function useListState<const S extends string, const F extends Choices = Record<never, never>>({ sorts, standard, standardDesc = false, choices }: { sorts: readonly S[]; standard: S; standardDesc?: boolean; choices?: F }): ListState<S, F> {
  const parsers = useMemo(
    () => ({
      q: parseAsString.withDefault(""),
      sort: parseAsStringLiteral(sorts).withDefault(standard),
      desc: parseAsBoolean.withDefault(standardDesc),
      page: parseAsInteger.withDefault(1),
      size: parseAsInteger.withDefault(50),
      ...Object.fromEntries(Object.entries(choices ?? {}).map(([name, options]) => [name, options === "text" ? parseAsString : parseAsStringLiteral(options)])),
    }),
    // The lists are constants of their pages; they do not change between renders.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [standard, standardDesc],
  );
  const [state, set] = useQueryStates(parsers, { history: "replace" });
  const filters = Object.fromEntries(Object.keys(choices ?? {}).map((name) => [name, ((state as Record<string, unknown>)[name] as string | null) ?? null]));
  const chosen = Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== null)) as Chosen<F>;
  const pageSize = (pageSizes as readonly number[]).includes(state.size) ? state.size : 50;
  return {
    input: { search: state.q.slice(0, 200), sort: state.sort as S, desc: state.desc, page: Math.max(1, state.page), pageSize, ...chosen },
    filters,
    setSearch: (search) => void set({ q: search === "" ? null : search, page: null }),
    setFilter: (name, value) => void set({ [name]: value, page: null }),
    setSort: (sort, desc) => void set({ sort: sort as S, desc, page: null }),
    setPage: (page) => void set({ page }),
    setPageSize: (size) => void set({ size, page: null }),
    isNarrowed: state.q !== "" || Object.values(filters).some((value) => value !== null),
    clear: () => void set({ q: null, page: null, ...Object.fromEntries(Object.keys(filters).map((name) => [name, null])) }),
  };
}

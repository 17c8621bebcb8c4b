"use client";
/** A form's values as one live object, for forms whose parts depend on each other and that are planned while one types. */
import { useCallback, useMemo } from "react";
import { type FieldValues, type Path, type PathValue, type UseFormReturn, useWatch } from "react-hook-form";
import { errorAt } from "./form.tsx";

export type Draft<T> = {
  values: T;
  set: <K extends keyof T & string>(key: K, value: T[K]) => void;
  /** The message at a dotted path below this draft. */
  errorOf: (path: string) => string | undefined;
};

/** Every value as it stands now; a change is checked at once after the first try to save. */
export function useDraft<T extends FieldValues, U extends FieldValues>(form: UseFormReturn<T, unknown, U>): Draft<T> {
  const values = useWatch({ control: form.control }) as T;
  const { errors, isSubmitted } = form.formState;
  const { setValue } = form;
  const set = useCallback(<K extends keyof T & string>(key: K, value: T[K]) => setValue(key as unknown as Path<T>, value as PathValue<T, Path<T>>, { shouldDirty: true, shouldValidate: isSubmitted }), [setValue, isSubmitted]);
  return useMemo(() => ({ values, set, errorOf: (path) => errorAt(errors, path) }), [values, set, errors]);
}

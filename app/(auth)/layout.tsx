/** Frame of the pages before a session: the mark and one card. */
import type { ReactNode } from "react";
import { Mark } from "../_ui/mark.tsx";

export default function AuthLayout({ children }: { children: ReactNode }) {
  return (
    <main className="flex min-h-dvh flex-col items-center justify-center px-4 py-10">
      <div className="w-full max-w-sm">
        <div className="mb-5 flex items-center gap-2.5 text-[18px] font-semibold">
          <Mark size={28} />
          Sallyport
        </div>
        <div className="rounded-lg border border-line bg-surface p-6">{children}</div>
      </div>
    </main>
  );
}

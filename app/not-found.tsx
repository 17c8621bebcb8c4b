/** No such page. */
import Link from "next/link";
import { routes } from "./_nav/routes.ts";
import { Mark } from "./_ui/mark.tsx";

export default function NotFound() {
  return (
    <main className="flex min-h-dvh flex-col items-center justify-center gap-3 px-4 text-center">
      <Mark size={36} />
      <h1 className="text-[20px] font-semibold">There is no page at this address</h1>
      <p className="text-ink-2">It may have been moved, or the object was deleted.</p>
      <Link href={routes.overview} className="font-medium text-accent hover:underline">
        Go to the overview
      </Link>
    </main>
  );
}

/** Cache of answers in the browser: answers are kept fresh by the live stream, so nothing is fetched again merely because a window got focus. */
import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { readProblem } from "./problem.ts";

/** `onSignedOut` runs when any answer says that the session has ended. */
export function makeQueryClient(onSignedOut: () => void): QueryClient {
  const watch = (error: unknown) => {
    if (readProblem(error).code === "not-signed-in") onSignedOut();
  };
  return new QueryClient({
    queryCache: new QueryCache({ onError: watch }),
    mutationCache: new MutationCache({ onError: watch }),
    defaultOptions: {
      queries: {
        staleTime: 15_000,
        refetchOnWindowFocus: false,
        retry: (failures, error) => failures < 2 && ["internal", "database-unavailable"].includes(readProblem(error).code),
      },
    },
  });
}

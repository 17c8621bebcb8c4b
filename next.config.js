// Next runs inside server/main.ts; native and driver packages stay outside its bundle.
/** @type {import("next").NextConfig} */
const config = {
  poweredByHeader: false,
  reactStrictMode: true,
  devIndicators: false,
  // Types are checked by `npm run typecheck` and `npm test`, over the whole project; a start on a fresh machine does not repeat it.
  typescript: { ignoreBuildErrors: true },
  // `npm test` checks the types of the whole project; a start does not wait for it.
  typescript: { ignoreBuildErrors: true },
  serverExternalPackages: ["pg", "@prisma/adapter-pg", "@prisma/client", "pino", "node-forge", "@peculiar/x509", "better-auth", "rate-limiter-flexible", "tar-stream"],
};

export default config;

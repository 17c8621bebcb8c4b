/** What agents can have in common without being the same. */
export const collisionWords = {
  hostname: { label: "Host name", same: "The same host name" },
  address: { label: "Own address", same: "The same own address" },
  source: { label: "Address they come from", same: "The same address outside" },
} as const;

/** The relay is the gateway's software in another role, and has its version. */
export const relayVersion = "0.1.0";

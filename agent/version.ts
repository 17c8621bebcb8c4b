/** The agent's version, the same as the product's. */
export const agentVersion = "0.1.0";

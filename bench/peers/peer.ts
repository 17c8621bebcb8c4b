/** One TLS proxy under measurement, whoever made it: where to connect, what to ask for, and the process whose CPU and memory count. */
export type Peer = {
  name: string;
  port: number;
  /** CONNECT target, or null where the port itself leads to the back end. */
  target: string | null;
  pid: number;
  stop: () => Promise<void>;
};

/** Waits until something accepts on the port. Throws after 15 s. */
export async function portAnswers(port: number, connect: (port: number) => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await connect(port))) {
    if (performance.now() > deadline) throw new Error(`nothing accepted on 127.0.0.1:${port} within 15 s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

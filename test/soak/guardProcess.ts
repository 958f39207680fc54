/**
 * Runs beside a soak, apart from its terminal: once the soak is gone, however it went, kills what it has left running. It is
 * told of processes on its standard input, a line each: `+PID` has been started, `-PID` has ended.
 */
import { createInterface } from 'node:readline';

const left = new Set<number>();
for await (const line of createInterface({ input: process.stdin })) {
  const pid = Number(line.slice(1));
  if (line.startsWith('+')) left.add(pid);
  else left.delete(pid);
}
for (const pid of left) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

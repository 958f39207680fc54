/** The most memory that a `manygrad` process ever had, told by itself as it ends. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../../cli.ts', import.meta.url));
/** In KiB, as `getrusage` has it. */
const TELL = 'process.on("exit", () => console.error("peak", process.resourceUsage().maxRSS))';

export interface Ran {
  readonly stdout: string;
  readonly seconds: number;
  readonly peakBytes: number;
}

/** @throws Error where it fails */
export async function runMeasured(args: readonly string[]): Promise<Ran> {
  const started = performance.now();
  const child = spawn(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(TELL)}`, cli, ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (some: Buffer) => {
    stdout += some.toString();
  });
  child.stderr.on('data', (some: Buffer) => {
    stderr += some.toString();
  });
  const [code] = await once(child, 'close');
  // Each thread has its own end and tells the same figure, that of the process: the last is the process's.
  const peak = [...stderr.matchAll(/^peak (\d+)$/gm)].at(-1)?.[1];
  if (code !== 0 || peak === undefined) throw new Error(`manygrad ${args.join(' ')} failed: ${stderr}`);
  return { stdout, seconds: (performance.now() - started) / 1000, peakBytes: Number(peak) * 1024 };
}

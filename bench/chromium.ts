/**
 * Matmul in a tab of Chromium beside the tab's own multiply-add limit, and beside the same kernel in this Node: 6x8 in 128-bit
 * registers, since a page cannot set the V8 flag that packs pairs of them. And a tab's thread beside one of Node's, tuned.
 *
 *   npm run bench:chromium [-- --json]
 */
import { loadKernels, nodeBackend } from '../core/backend/wasm/loadNode.ts';
import { machineInWords, thisMachine } from './machine.ts';
import type { Peak } from './matmul.ts';
import { LEASES, leaseTimes, measureTile, type TileFigures } from './page.ts';
import { callInTab, findChromium, kernelBytes } from './tab.ts';
import { median } from './timing.ts';

/** For all that happens in the tab. */
const LIMIT_MS = 120_000;
const ROUNDS = 3;
/** Of the tab's limit: what a square product should reach. */
const BAR = 0.75;

/** The better of two measurements of the same, number by number. */
function better(a: TileFigures | null, b: TileFigures): TileFigures {
  if (a === null) return b;
  const peak: Peak = { narrow: Math.max(a.peak.narrow, b.peak.narrow), wide: Math.max(a.peak.wide, b.peak.wide) };
  const rows = b.rows.map(({ shape, rates }, r) => ({
    shape,
    rates: rates.map((rate, t) => Math.max(rate, a.rows[r]?.rates[t] ?? 0)),
  }));
  return { peak, rows };
}

/** Ms of a training lease, in the tab and in a thread of Node. */
interface LeaseFigures {
  readonly workload: string;
  readonly tabMs: number;
  readonly nodeMs: number;
}

function printLeases(leases: readonly LeaseFigures[]): void {
  console.log('\nA training lease of one micro-batch, on one thread, in a tab and in Node');
  for (const { workload, tabMs, nodeMs } of leases)
    console.log(
      `${workload.padEnd(22)}${tabMs.toFixed(3)} ms and ${nodeMs.toFixed(3)} ms: a tab has ${((100 * nodeMs) / tabMs).toFixed(0)} % of Node's speed`,
    );
}

function print(version: string, tab: TileFigures, node: TileFigures): void {
  const limits = `${tab.peak.narrow.toFixed(1)} GFLOP/s in Chromium, ${node.peak.narrow.toFixed(1)} in Node`;
  console.log(`${machineInWords(thisMachine())}; Chromium ${version}; best of ${ROUNDS} rounds in turns`);
  console.log(`\n128-bit multiply-adds on one thread: ${limits}`);
  console.log('\nMatmul (6x8) in GFLOP/s, and % of that limit: A·B, A·Bᵀ, Aᵀ·B, Aᵀ·Bᵀ');
  console.log(`${'m × n × k'.padEnd(22)}${'in Chromium'.padEnd(56)}in Node`);
  const cells = ({ peak, rows }: TileFigures, r: number) =>
    (rows[r]?.rates ?? [])
      .map((rate) => `${rate.toFixed(1)} (${((100 * rate) / peak.narrow).toFixed(0)} %)`.padEnd(14))
      .join('');
  for (const [r, { shape }] of tab.rows.entries())
    console.log(`${shape.join(' × ').padEnd(22)}${cells(tab, r)}${cells(node, r)}`);
  const squares = tab.rows.filter(({ shape: [m, n, k] }) => m === n && n === k && m % 64 === 0);
  const worst = Math.min(...squares.flatMap(({ rates }) => rates)) / tab.peak.narrow;
  console.log(
    `\nThe least at 192 to 1536: ${(100 * worst).toFixed(0)} % of the tab's limit (${worst >= BAR ? 'at least' : 'below'} ${100 * BAR} %)`,
  );
}

async function main(): Promise<void> {
  const chromium = findChromium();
  if ('missing' in chromium) {
    console.log(`Not measured: ${chromium.missing}.`);
    return;
  }
  let [tab, node]: [TileFigures | null, TileFigures | null] = [null, null];
  let version = '';
  const leases: { tab: number[]; node: number[] }[] = [];
  const kernels = await loadKernels();
  for (let round = 0; round < ROUNDS; round++) {
    process.stderr.write(`measuring: round ${round + 1} of ${ROUNDS}\n`);
    const found = await callInTab<TileFigures>(chromium.executable, '/bench/page.ts', 'measureTile', LIMIT_MS);
    version = found.version;
    tab = better(tab, found.result);
    node = better(node, await measureTile(await kernelBytes()));
    const tabLeases = await callInTab<number[]>(chromium.executable, '/bench/page.ts', 'measureLeases', LIMIT_MS);
    leases.push({ tab: tabLeases.result, node: await leaseTimes(() => nodeBackend(kernels)) });
  }
  if (tab === null || node === null) return;
  const byWorkload = LEASES.map((workload, i) => ({
    workload,
    tabMs: median(leases.map((l) => l.tab[i] ?? 0)),
    nodeMs: median(leases.map((l) => l.node[i] ?? 0)),
  }));
  if (process.argv.includes('--json'))
    console.log(JSON.stringify({ machine: thisMachine(), chromium: version, tab, node, leases: byWorkload }));
  else {
    print(version, tab, node);
    printLeases(byWorkload);
  }
}

await main();

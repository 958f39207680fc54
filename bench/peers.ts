/**
 * Training steps beside our peers': TensorFlow.js and jax-js on their WASM backends, and PyTorch. One process a measurement,
 * in turns (ours, a peer's, ours, ...), so that whatever else the machine does falls on all alike; the ratio of medians counts.
 *
 *   npm run bench:peers [-- --workloads mlp,gpt-nano] [--peers tfjs,torch] [--rounds 3] [--json]
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { machineInWords, thisMachine } from './machine.ts';
import { type Contender, contenders, type Measured, ours, PEER_NAMES } from './peers/contenders.ts';
import { median } from './timing.ts';
import { isWorkloadName, WORKLOAD_NAMES, type WorkloadName } from './workloads.ts';

/** No new round of a workload begins after this. */
const LONG_MS = 240_000;
/** By how much a loss may differ from ours after a few steps: the same arithmetic in another order. */
const LOSS_TOLERANCE = 2e-3;

interface Comparison {
  readonly workload: WorkloadName;
  readonly peer: string;
  readonly version: string;
  readonly rounds: number;
  readonly oursMs: number;
  readonly peerMs: number;
  /** How often we make a step in the time of one of the peer's. */
  readonly timesFaster: number;
}

interface Failure {
  readonly workload: WorkloadName;
  readonly peer: string;
  readonly reason: string;
}

/** Why a measurement cannot be compared with ours, or null if it can. */
function flaw(peer: Measured, own: Measured): string | null {
  if (peer.parameters !== own.parameters) return `it has ${peer.parameters} parameters and we have ${own.parameters}`;
  const off = peer.losses.findIndex((loss, i) => Math.abs(loss / (own.losses[i] ?? Number.NaN) - 1) > LOSS_TOLERANCE);
  if (off >= 0) return `its loss after ${off} steps is ${peer.losses[off]} and ours is ${own.losses[off]}`;
  return null;
}

/** All peers on one workload, in turns with us. */
async function compare(workload: WorkloadName, peers: readonly Contender[], rounds: number) {
  const started = performance.now();
  const results = new Map(peers.map((peer) => [peer, { own: [] as number[], times: [] as number[], version: '' }]));
  const failures: Failure[] = [];
  for (let round = 0; round < rounds && performance.now() - started < LONG_MS; round++)
    for (const [peer, { own, times }] of results) {
      process.stderr.write(`measuring: ${workload}, round ${round + 1}, ${peer.name}\n`);
      const mine = await ours.measure(workload);
      try {
        const theirs = await peer.measure(workload);
        const wrong = flaw(theirs, mine);
        if (wrong !== null) throw new Error(wrong);
        own.push(mine.medianMs);
        times.push(theirs.medianMs);
        results.set(peer, { own, times, version: theirs.version });
      } catch (error) {
        failures.push({ workload, peer: peer.name, reason: error instanceof Error ? error.message : String(error) });
        results.delete(peer);
      }
    }
  const comparisons = [...results].map(([peer, { own, times, version }]): Comparison => {
    const [oursMs, peerMs] = [median(own), median(times)];
    return { workload, peer: peer.name, version, rounds: times.length, oursMs, peerMs, timesFaster: peerMs / oursMs };
  });
  return { comparisons, failures };
}

function installPeers(): void {
  const dir = fileURLToPath(new URL('peers', import.meta.url));
  if (existsSync(`${dir}/node_modules/.package-lock.json`)) return;
  process.stderr.write('Installing the peers (once)...\n');
  execFileSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: dir,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

function chosen<Name extends string>(what: string, list: string | undefined, is: (name: string) => name is Name) {
  return list?.split(',').map((name) => {
    if (is(name)) return name;
    throw new Error(`there is no ${what} "${name}"`);
  });
}

function print(comparisons: readonly Comparison[], failures: readonly Failure[]): void {
  console.log(`${machineInWords(thisMachine())}; medians of rounds in turns, one thread unless said`);
  let last = '';
  for (const { workload, peer, version, rounds, oursMs, peerMs, timesFaster } of comparisons) {
    if (workload !== last) console.log(`\n${workload}`);
    last = workload;
    const times = `ours ${oursMs.toFixed(3).padStart(10)} ms, theirs ${peerMs.toFixed(3).padStart(10)} ms`;
    console.log(
      `  ${`${peer} ${version}`.padEnd(42)} ${times}: ${timesFaster.toFixed(2)} times as fast (${rounds} rounds)`,
    );
  }
  for (const { workload, peer, reason } of failures) console.log(`\nNot measured: ${peer} on ${workload}: ${reason}`);
}

const { values } = parseArgs({
  options: {
    workloads: { type: 'string' },
    peers: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
});
const names = chosen('workload', values.workloads, isWorkloadName) ?? WORKLOAD_NAMES;
const isPeer = (name: string): name is (typeof PEER_NAMES)[number] => PEER_NAMES.some((known) => known === name);
const peers = (chosen('peer', values.peers, isPeer) ?? PEER_NAMES).map((name) => contenders[name]);
const rounds = Number(values.rounds);
if (!(Number.isInteger(rounds) && rounds > 0)) throw new Error('--rounds must be a whole number above 0');
installPeers();
const absent: { peer: string; reason: string }[] = [];
const present: Contender[] = [];
for (const peer of peers) {
  const reason = await peer.missing();
  if (reason === null) present.push(peer);
  else absent.push({ peer: peer.name, reason });
}
const comparisons: Comparison[] = [];
const failures: Failure[] = [];
for (const name of names) {
  const found = await compare(name, present, rounds);
  comparisons.push(...found.comparisons);
  failures.push(...found.failures);
}
if (values.json) console.log(JSON.stringify({ machine: thisMachine(), comparisons, failures, absent }));
else {
  print(comparisons, failures);
  for (const { peer, reason } of absent) console.log(`\nNot measured: ${peer}: ${reason}`);
}

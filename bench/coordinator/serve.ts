/**
 * The coordinator by itself, in a process of its own: the real run behind the real door, for workers that take no time. Or,
 * beside it, the least that any coordinator must do: send everybody the parameters, take everybody's gradient, add them up.
 *
 *   node bench/coordinator/serve.ts ours|bare <steps>      prints its port, and at the end what it took
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type WebSocket, WebSocketServer } from 'ws';
import { Batches } from '../../coordinator/batches.ts';
import { bearerOf } from '../../coordinator/door/bearer.ts';
import { listen } from '../../coordinator/door/server.ts';
import { counterSampler } from '../../coordinator/draws.ts';
import { PLAIN } from '../../coordinator/options.ts';
import { TrainingRun } from '../../coordinator/run.ts';
import { RunFolder } from '../../coordinator/runFolder.ts';
import { Trainer } from '../../coordinator/trainer.ts';
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';
import type { Dataset } from '../../core/data/dataset.ts';
import { parameterLayout } from '../../core/nn/index.ts';
import { MAX_FRAME_BYTES } from '../../core/protocol/frames.ts';
import { buildModel } from '../../models/model.ts';
import { parseRecipe } from '../../models/recipe.ts';
import { type Contender, MICRO_BATCHES, MODEL, type Served, TOKEN, WARM_UP, WORKERS } from './task.ts';

const [contender, stepsText] = process.argv.slice(2) as [Contender, string];
const steps = Number(stepsText);
const parameters = parameterLayout(buildModel(MODEL)).length;

/** Counts the steps, and tells what those after the warm-up took. */
class Course {
  readonly done: Promise<Served>;
  readonly #resolve: (served: Served) => void;
  #made = 0;
  #at = 0;
  #cpu = process.cpuUsage();

  constructor() {
    const { promise, resolve } = Promise.withResolvers<Served>();
    this.done = promise;
    this.#resolve = resolve;
  }

  step(): void {
    this.#made++;
    if (this.#made === WARM_UP) {
      this.#at = performance.now();
      this.#cpu = process.cpuUsage();
    }
    if (this.#made !== WARM_UP + steps) return;
    const { user, system } = process.cpuUsage(this.#cpu);
    this.#resolve({ parameters, steps, wallMs: performance.now() - this.#at, cpuMs: (user + system) / 1000 });
  }
}

async function serveOurs(course: Course): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'manygrad-bench-'));
  const { vocabSize: _, ...model } = MODEL;
  const recipe = parseRecipe(
    {
      model,
      data: { source: 'nothing' },
      seed: 1,
      steps: WARM_UP + steps + 1,
      batch: MICRO_BATCHES,
      microBatch: 1,
      optimizer: { name: 'sgd' },
      schedule: { name: 'constant', lr: 1e-6 },
    },
    'the recipe',
  );
  const rows = (n: number) => ({ x: new Uint16Array(n * MODEL.blockSize), y: new Uint16Array(n) });
  const data: Dataset = {
    targets: 1,
    count: 1,
    draw: (places) => rows(places.length),
    evalCount: 1,
    evalRows: (from, to) => rows(to - from),
  };
  const trainer = new Trainer(await createWasmBackend(), recipe, MODEL);
  const batches = new Batches(recipe, { train: data, val: data }, counterSampler(recipe));
  const folder = await RunFolder.create(join(dir, 'run'), { format: 'manygrad-run-1', recipe, dataSha256: '' });
  const parts = { trainer, batches, folder, options: PLAIN, steps: recipe.steps };
  const run = new TrainingRun(parts, { onStep: () => course.step() });
  const server = await listen({
    host: '127.0.0.1',
    port: 0,
    identify: bearerOf(TOKEN),
    numerics: null,
    run: 'bench',
    model: MODEL,
    maxResultBytes: 4 * parameters + 16,
    connect: () => run.connect(),
    state: () => trainer.state,
    news: () => {
      throw new Error('no tab takes part');
    },
    info: {} as never,
    pages: new Map(),
    operator: () => undefined,
  });
  console.log(server.port);
  run.start(WORKERS);
  console.log(JSON.stringify(await course.done));
  await folder.close();
  rmSync(dir, { recursive: true });
}

/** Moves the bytes and adds them, and does nothing else: frames of the same size, no checks, no protocol, no files. */
async function serveBare(course: Course): Promise<void> {
  const backend = await createWasmBackend();
  const sum = backend.alloc(parameters);
  const arrived = backend.alloc(parameters);
  const bytes = 4 * parameters;
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  const sockets: WebSocket[] = [];
  let missing = WORKERS;
  const broadcast = () => {
    const state = Buffer.alloc(bytes);
    for (const socket of sockets)
      for (let at = 0; at < bytes; at += MAX_FRAME_BYTES) socket.send(state.subarray(at, at + MAX_FRAME_BYTES));
  };
  server.on('connection', (socket) => {
    const gradient = new Uint8Array(bytes);
    let filled = 0;
    socket.on('message', (data: Buffer) => {
      gradient.set(data, filled);
      filled += data.byteLength;
      if (filled < bytes) return;
      filled = 0;
      backend.write(arrived, new Float32Array(gradient.buffer));
      backend.scale(sum, arrived, 1, true);
      if (--missing > 0) return;
      missing = WORKERS;
      course.step();
      broadcast();
    });
    if (sockets.push(socket) === WORKERS) broadcast();
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  console.log(address !== null && typeof address === 'object' ? address.port : '');
  console.log(JSON.stringify(await course.done));
}

const course = new Course();
await (contender === 'ours' ? serveOurs(course) : serveBare(course));
process.exit(0);

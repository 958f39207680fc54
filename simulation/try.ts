import { writeFileSync } from 'node:fs';
import { parseRecipe } from '../models/recipe.ts';
import { LOCAL, World } from './world.ts';

writeFileSync('/tmp/simtry/lines.txt', 'ab\nba\nabc\ncab\nbca\nacb\nccab\naabb\nabab\nbbca\ncc\naca\n');
const recipe = parseRecipe(
  {
    model: { name: 'mlp', blockSize: 2, embeddingDim: 3, hidden: 6 },
    data: { source: '/tmp/simtry/lines.txt' },
    seed: 5,
    steps: 20,
    batch: 30,
    microBatch: 4,
    optimizer: { name: 'adamw' },
    schedule: { name: 'constant', lr: 0.01 },
  },
  'x',
);
const t0 = performance.now();
const world = new World({
  seed: 1,
  recipe,
  spec: { ...recipe.model, vocabSize: 4 } as never,
  run: { checkpointEvery: 0, keepCheckpoints: 3, evalEvery: 5, diagnoseEvery: 0 },
  workers: [1, 2, 3].map((i) => ({
    name: 'w' + i,
    shape: { ...LOCAL, latencyMs: 20, jitterMs: 10 },
    threads: 1,
    msPerMicroBatch: 5 * i,
    spread: 0.2,
  })),
  threads: Number(process.argv[2] ?? 1),
  localMsPerMicroBatch: 50,
});
const end = await world.run(3_600_000);
console.log(
  end,
  world.time.now(),
  world.time.events,
  performance.now() - t0,
  world.workers.map((w) => w.outcome),
);

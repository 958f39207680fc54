/** manygrad's own steps, measured as its peers' are. */
import { readFileSync } from 'node:fs';
import { TrainingStep } from '../trainingStep.ts';
import { measurePeer } from './measurePeer.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

await measurePeer(async (workload) => {
  const training = await TrainingStep.create(workload);
  return { version, parameters: training.parameterCount, step: (x, y) => training.run(x, y) };
});

/** Diagnostics and samples as a run might have kept them, made up: for tests of what shows them, beside a real run's files. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '../../coordinator/runConfig.ts';
import type { Diagnostics, Distribution, LayerRecord } from '../../core/protocol/diagnostics.ts';
import { Site, Stream } from '../../core/random/streams.ts';
import { buildModel } from '../../models/model.ts';
import { dataKind } from '../../models/recipe.ts';

const BINS = 60;

/** Writes diagnostics.jsonl and samples.jsonl for the run in `dir`, every so many steps. */
export async function pretendDiagnostics(dir: string, steps: number, every: number): Promise<void> {
  const { recipe } = await readConfig(dir);
  const vocabSize = [...(recipe.data.vocab ?? 'abc')].length + (dataKind(recipe) === 'text' ? 0 : 1);
  const model = buildModel({ ...recipe.model, vocabSize });
  const modules = [...model.namedModules()].filter(([name, m]) => name !== '' && [...m.namedModules()].length === 1);
  const lines: Diagnostics[] = [];
  for (let step = every; step <= steps; step += every) {
    const stream = new Stream(1, Site.sample, step);
    const learned = 1 - Math.exp((-3 * step) / steps);
    lines.push({
      step,
      layers: modules.map(([name, module], depth) => layer(name, module.constructor.name, depth, learned, stream)),
      parameters: model.namedParameters().map(([name, parameter], i) => ({
        name,
        shape: [...parameter.shape],
        mean: 0.01 * Math.sin(i),
        std: parameter.shape.length === 1 ? 0 : 0.1 + 0.02 * i * learned,
        gradient: bell(1e-4 * Math.sin(i), 0.002 * 1.1 ** -i * (1 - 0.6 * learned), stream),
        gradToData: 0.02 * 1.1 ** -i,
        updateToData: parameter.shape.length === 1 ? 0 : 10 ** (-2.4 - learned - 0.05 * i + 0.1 * noise(stream, i)),
      })),
    });
  }
  writeLines(dir, 'diagnostics.jsonl', lines);
  const text = (step: number) =>
    dataKind(recipe) === 'text'
      ? [`\nROMEO:\nWhat light at step ${step}, </script><b>hark</b>\nit is the east & Juliet.\n\nJULIET:\nAy me!`]
      : ['emilia', 'zo', '</script><script>alert(1)</script>', 'jaxon', `step${step}`, 'marielle'];
  const samples = lines.map(({ step }) => ({ step, samples: text(step) }));
  writeLines(dir, 'samples.jsonl', samples);
}

function layer(name: string, type: string, depth: number, learned: number, stream: Stream): LayerRecord {
  const std = (type === 'Tanh' ? 0.6 : 1) * (1 + 0.05 * depth * learned);
  const isTanh = type === 'Tanh';
  const cells = Array.from({ length: 32 * 100 }, (_, i) =>
    stream.uniform(9000 + i) < 0.03 * (1 + depth / 4) ? '1' : '0',
  );
  return {
    name,
    type,
    shape: [32, 100],
    activation: isTanh ? tanhs(std, stream) : bell(0.02 * depth, std, stream),
    gradient: bell(0, 0.002 * 0.95 ** depth, stream),
    saturated: isTanh ? 0.02 + 0.01 * depth * learned : null,
    image: isTanh ? { rows: 32, columns: 100, cells: cells.join('') } : null,
  };
}

const noise = (stream: Stream, i: number): number => stream.uniform(i) - 0.5;

function bell(mean: number, std: number, stream: Stream): Distribution {
  const [lo, hi] = [mean - 4 * std, mean + 4 * std];
  const counts = Array.from({ length: BINS }, (_, i) => {
    const z = -4 + (8 * (i + 0.5)) / BINS;
    return Math.round(3000 * Math.exp((-z * z) / 2) * (1 + 0.2 * noise(stream, 100 + i)));
  });
  return { mean, std, histogram: { lo, hi, counts } };
}

/** What tanh makes of a bell: a valley with two walls. */
function tanhs(std: number, stream: Stream): Distribution {
  const counts = Array.from({ length: BINS }, (_, i) => {
    const t = -1 + (2 * (i + 0.5)) / BINS;
    const z = Math.atanh(t) / (1.5 * std);
    return Math.round((1000 * Math.exp((-z * z) / 2) * (1 + 0.2 * noise(stream, 200 + i))) / (1 - t * t));
  });
  return { mean: 0.01, std, histogram: { lo: -1, hi: 1, counts } };
}

function writeLines(dir: string, name: string, lines: readonly object[]): void {
  writeFileSync(join(dir, name), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

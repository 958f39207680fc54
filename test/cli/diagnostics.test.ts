/** `train --diagnostics`: what it leaves in the run's folder, whoever computes it, and that it changes no bit. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { diagnosticsSchema, samplesSchema } from '../../core/protocol/diagnostics.ts';
import { Cli, endAll, readJsonLines, readSummary, refused, scratch } from '../support/cli.ts';

const { dir, remove } = scratch();
const at = (name: string) => join(dir, name);
const common = ['--eval-every', '20', '--samples', '0', '--json'];
const preset = ['names-mlp', '--set', 'schedule={name: constant, lr: 0.1}'];
const short = [...preset, '--steps', '60', ...common];

async function train(name: string, ...more: string[]): Promise<void> {
  const cli = new Cli(['train', ...short, '--out', at(name), ...more]);
  expect(await cli.exited, cli.stderr).toEqual({ code: 0, signal: null });
}

afterEach(endAll);
afterAll(remove);

describe('a run with diagnostics', () => {
  beforeAll(async () => {
    await train('plain', '--threads', '1');
    await train('threads', '--threads', '2', '--diagnostics', 'every=20');
  }, 30_000);

  test('has a record every so many steps, of every layer and parameter', () => {
    const lines = readJsonLines<unknown>(join(at('threads'), 'diagnostics.jsonl')).map((l) =>
      diagnosticsSchema.parse(l),
    );
    expect(lines.map(({ step }) => step)).toEqual([20, 40, 60]);
    for (const { layers, parameters } of lines) {
      expect(layers.map(({ type }) => type)).toEqual(['Embedding', 'Linear', 'BatchNorm1d', 'Tanh', 'Linear']);
      expect(parameters.map(({ name }) => name)).toEqual([
        '0.weight',
        '2.weight',
        '3.weight',
        '3.bias',
        '5.weight',
        '5.bias',
      ]);
      // Plain SGD at 0.1: the update is the rate times the gradient.
      for (const { gradToData, updateToData } of parameters) expect(updateToData).toBeCloseTo(0.1 * gradToData, 3);
    }
  });

  test('says what the model writes at each validation', () => {
    const lines = readJsonLines<unknown>(join(at('threads'), 'samples.jsonl')).map((l) => samplesSchema.parse(l));
    expect(lines.map(({ step }) => step)).toEqual([20, 40, 60]);
    for (const { samples } of lines) expect(samples.length).toBe(10);
  });

  test('ends with the bits of one without', () => {
    expect(readSummary(at('threads')).paramsSha256).toBe(readSummary(at('plain')).paramsSha256);
    expect(existsSync(join(at('plain'), 'diagnostics.jsonl'))).toBe(false);
    expect(existsSync(join(at('plain'), 'samples.jsonl'))).toBe(false);
  });

  test('is looked at by a remote worker as by a thread', async () => {
    const options = ['--threads', '0', '--listen', '127.0.0.1:0', '--token', 'secret', '--key', 'secret-key'];
    const coordinator = new Cli(['train', ...short, '--out', at('remote'), ...options, '--diagnostics', '20']);
    const { port } = await coordinator.until(({ event }) => event === 'listening');
    const worker = new Cli(['worker', `ws://127.0.0.1:${port}`, '--token', 'secret', '--threads', '1', '--quiet']);
    expect(await coordinator.exited, coordinator.stderr).toEqual({ code: 0, signal: null });
    expect(await worker.exited, worker.stderr).toEqual({ code: 0, signal: null });
    const read = (name: string) => readFileSync(join(at(name), 'diagnostics.jsonl'), 'utf8');
    expect(read('remote')).toBe(read('threads'));
  });

  test('stopped and resumed, has each record once', async () => {
    const options = [
      '--steps',
      '3000',
      ...common,
      '--threads',
      '1',
      '--diagnostics',
      'every=7',
      '--checkpoint-every',
      '10',
    ];
    const first = new Cli(['train', ...preset, '--out', at('stopped'), ...options]);
    await first.step(25);
    first.kill('SIGKILL');
    await first.exited;
    const again = new Cli(['train', '--resume', at('stopped'), ...options]);
    expect(await again.exited, again.stderr).toEqual({ code: 0, signal: null });
    const steps = readJsonLines<{ step: number }>(join(at('stopped'), 'diagnostics.jsonl')).map(({ step }) => step);
    expect(steps).toEqual(Array.from({ length: Math.floor(3000 / 7) }, (_, i) => 7 * (i + 1)));
  });
});

test('no number of steps is refused', async () => {
  for (const value of ['every=0', 'often', 'every=-1'])
    await refused(
      ['train', 'names-mlp', '--diagnostics', value],
      /--diagnostics .* is no number of steps: write it as/,
    );
});

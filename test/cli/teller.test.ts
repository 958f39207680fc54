/** What a person reads of a run's trouble with its workers, and a program at the same time. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type OutputMode, TrainingOutput } from '../../cli/output.ts';
import { teller } from '../../cli/teller.ts';
import type { RunObserver, StepMade, WorkerChange } from '../../coordinator/observer.ts';
import type { WorkerPort } from '../../core/protocol/work.ts';

let lines: string[];
let errors: string[];

beforeEach(() => {
  [lines, errors] = [[], []];
  vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
  vi.spyOn(console, 'error').mockImplementation((line: string) => void errors.push(line));
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** A stranger's lie is found out after ten steps: first nobody can check it, then the run goes back. */
function tell(mode: OutputMode): void {
  const told: RunObserver = teller(new TrainingOutput(mode, 100, 0), 0, true);
  const port = { kind: 'remote' } as WorkerPort;
  const change: Omit<WorkerChange, 'joined' | 'reason'> = { id: 3, name: 'eve#3', kind: 'remote', slots: 1, port };
  told.onWorker?.({ ...change, joined: true, reason: '' });
  const step: StepMade = {
    ...{ step: 10, loss: 1, lr: 1, gradNorm: 1, count: 32 },
    ...{ workers: 1, threads: 1, seconds: 1, tokensPerSecond: 1 },
  };
  told.onStep?.(step);
  told.onUnverifiable?.();
  told.onChecked?.(3, { lo: 4, size: 2 }, false);
  told.onExpulsion?.({ id: 3, name: 'eve#3', cause: 'lied', reason: 'it lied' });
  told.onWorker?.({ ...change, joined: false, reason: 'it lied' });
  told.onRollback?.(10, 7);
  told.onDisk?.(null);
}

test('in sentences', () => {
  tell('person');
  expect(lines).toEqual([
    'step 0: eve#3 joined',
    expect.stringMatching(
      /^Warning: Results wait to be verified, and no worker is here that is trusted to do that: .*\.$/,
    ),
    'step 10: eve#3 left (it lied); its micro-batches go to others',
    'step 10: went back to step 7, to undo what a worker had made up; the steps since are made again.',
    'step 7: there is room again, and all is written: the run goes on.',
  ]);
});

test('in JSON lines', () => {
  tell('json');
  expect(lines.map((line) => JSON.parse(line)).slice(2, -1)).toEqual([
    { event: 'unverifiable', step: 10, reason: expect.stringContaining('no worker is here that is trusted') },
    { event: 'checked', name: 'eve#3', step: 10, lo: 4, size: 2, agreed: false },
    { event: 'expelled', name: 'eve#3', cause: 'lied', reason: 'it lied' },
    { event: 'worker', name: 'eve#3', kind: 'remote', joined: false, reason: 'it lied' },
    { event: 'rollback', from: 10, to: 7 },
  ]);
});

test('and with --quiet, that the run waits', () => {
  tell('quiet');
  expect(lines).toEqual([]);
  expect(errors).toEqual([expect.stringMatching(/^manygrad: Results wait to be verified/)]);
});

/** What a run tells as it goes, to a person in sentences and to a program in JSON lines: an observer that prints. */
import type { WorkerId } from '../coordinator/machine/machine.ts';
import { DRAINED, type RunObserver } from '../coordinator/observer.ts';
import type { TrainingOutput } from './output.ts';

const UNVERIFIABLE =
  'Results wait to be verified, and no worker is here that is trusted to do that: start one with a token of its own, made by ' +
  '"manygrad token add NAME --trusted", or resume the run with --threads 1.';

/**
 * @param from updates made before
 * @param terse leave out losses of evaluations
 */
export function teller(output: TrainingOutput, from: number, terse: boolean): RunObserver {
  let last = from;
  const names = new Map<WorkerId, string>();
  return {
    onStep: (s) => {
      last = s.step;
      output.progress(s);
      output.event({ event: 'step', step: s.step, loss: s.loss, lr: s.lr, gradNorm: s.gradNorm, workers: s.workers });
    },
    onEvaluation: (e) => {
      if (!terse) output.say(`step ${e.step}: ${e.split === 'val' ? 'validation' : 'train'} loss ${e.loss.toFixed(4)}`);
      output.event({ event: 'evaluation', ...e });
    },
    onCheckpoint: (step) => output.event({ event: 'checkpoint', step }),
    onDisk: (trouble) => {
      if (trouble === null) output.say(`step ${last}: there is room again, and all is written: the run goes on.`);
      else output.alarm(`${trouble}.`);
      output.event({ event: 'disk', trouble });
    },
    onWorker: (w) => {
      if (w.joined) names.set(w.id, w.name);
      else names.delete(w.id);
      const left = `left (${w.reason})${w.reason === DRAINED ? '' : '; its micro-batches go to others'}`;
      if (w.kind !== 'threads') output.say(`step ${last}: ${w.name} ${w.joined ? 'joined' : left}`);
      output.event({ event: 'worker', name: w.name, kind: w.kind, joined: w.joined, reason: w.reason });
    },
    onExpulsion: ({ name, cause, reason }) => output.event({ event: 'expelled', name, cause, reason }),
    onChecked: (id, { lo, size }, agreed) =>
      output.event({ event: 'checked', name: names.get(id) ?? `#${id}`, step: last, lo, size, agreed }),
    onUnverifiable: () => {
      output.alarm(UNVERIFIABLE);
      output.event({ event: 'unverifiable', step: last, reason: UNVERIFIABLE });
    },
    onRollback: (before, to) => {
      output.say(
        `step ${before}: went back to step ${to}, to undo what a worker had made up; the steps since are made again.`,
      );
      last = to;
      output.event({ event: 'rollback', from: before, to });
    },
  };
}

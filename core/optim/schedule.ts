/** Learning-rate schedules: pure functions of the step. The coordinator alone computes them. */
import * as z from 'zod';

export const scheduleSchema = z.discriminatedUnion('name', [
  z.strictObject({ name: z.literal('constant'), lr: z.number().positive() }),
  z.strictObject({
    name: z.literal('step'),
    lr: z.number().positive(),
    /** The steps at which the rate is multiplied by `gamma`. */
    milestones: z.array(z.int().nonnegative()),
    gamma: z.number().positive(),
  }),
  z.strictObject({
    name: z.literal('cosine'),
    lr: z.number().positive(),
    minLr: z.number().nonnegative(),
    warmupSteps: z.int().nonnegative(),
    /** The step at which the rate has come down to `minLr`, and stays there. */
    decaySteps: z.int().positive(),
  }),
  z.strictObject({
    name: z.literal('exponential'),
    from: z.number().positive(),
    to: z.number().positive(),
    /** How many steps it takes: the last of them is made at `to`, and so are those that come after. */
    steps: z.int().positive(),
  }),
]);

export type Schedule = z.infer<typeof scheduleSchema>;

/**
 * The learning rate of `step`, which counts from 0.
 * - step: torch.optim.lr_scheduler.MultiStepLR.
 * - cosine: linear warm-up, then a half cosine down to `minLr`, as in the GPT-2 lecture.
 * - exponential: 10 ** torch.linspace(log10(from), log10(to), steps), as in makemore part 2's search for a rate.
 *
 * None knows how many steps the run has: a run that is resumed with a new goal must go on as it began.
 */
export function learningRate(schedule: Schedule, step: number): number {
  switch (schedule.name) {
    case 'constant':
      return schedule.lr;
    case 'step':
      return schedule.lr * schedule.gamma ** schedule.milestones.filter((m) => step >= m).length;
    case 'cosine': {
      const { lr, minLr, warmupSteps, decaySteps } = schedule;
      if (step < warmupSteps) return (lr * (step + 1)) / warmupSteps;
      if (step >= decaySteps) return minLr;
      const ratio = (step - warmupSteps) / (decaySteps - warmupSteps);
      return minLr + 0.5 * (1 + Math.cos(Math.PI * ratio)) * (lr - minLr);
    }
    case 'exponential': {
      const { from, to, steps } = schedule;
      // Both ends are met exactly.
      if (step >= steps - 1) return to;
      return from * (to / from) ** (step / (steps - 1));
    }
    default:
      return schedule satisfies never;
  }
}

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
]);

export type Schedule = z.infer<typeof scheduleSchema>;

/**
 * The learning rate of `step`, which counts from 0.
 * - step: torch.optim.lr_scheduler.MultiStepLR.
 * - cosine: linear warm-up, then a half cosine down to `minLr`, as in the GPT-2 lecture.
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
    default:
      return schedule satisfies never;
  }
}

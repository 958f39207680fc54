/** A fuzz of some length as a test: no failure, and nothing that it was to do left undone. */
import { expect } from 'vitest';
import { subjectCalled } from './subjects.ts';
import { describeFailure, watchFuzz } from './watch.ts';

/**
 * Fuzzes with a seed of its own, which it prints.
 * @param outcomes what must come of some piece or other, as labels of the subject
 */
export async function expectNoFailure(subject: string, pieces: number, outcomes: readonly string[]): Promise<void> {
  const seed = Math.floor(Math.random() * 2 ** 31);
  console.log(`fuzzing ${subject} with seed ${seed}`);
  const { figures, failure } = await watchFuzz({ subject, seed, pieces });
  if (failure !== null) throw new Error(await describeFailure(failure, subject));
  const { mutations } = await subjectCalled(subject);
  expect(figures?.mutated).toBeGreaterThanOrEqual(pieces);
  expect(Object.keys(figures?.outcomes ?? {})).toEqual(expect.arrayContaining([...outcomes]));
  expect(Object.keys(figures?.mutations ?? {})).toEqual(expect.arrayContaining([...mutations]));
}

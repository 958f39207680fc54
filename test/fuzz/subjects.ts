/** All that can be fuzzed, by name, each loaded when it is asked for. */
import { UserError } from '../../core/errors.ts';
import { faultySubjects } from './faults.ts';
import type { Subject } from './subject.ts';

const subjects: Readonly<Record<string, () => Promise<Subject>>> = {
  frames: async () => (await import('./frames.ts')).frames,
  operator: async () => (await import('./operator.ts')).operator,
  safetensors: async () => (await import('./safetensors.ts')).safetensors,
  checkpoint: async () => (await import('./checkpoint.ts')).checkpoint,
};

export const subjectNames: readonly string[] = Object.keys(subjects);

/** @throws UserError if there is none of this name */
export async function subjectCalled(name: string): Promise<Subject> {
  const found = subjectNames.includes(name) ? await subjects[name]() : faultySubjects.find((s) => s.name === name);
  if (found === undefined)
    throw new UserError(`there is no fuzz of "${name}": choose one of ${subjectNames.join(', ')}.`);
  return found;
}

/** What is said of a disk that does not take what is written to it: a sentence each. */
import { codeOf, isFull } from '../core/disk/errors.ts';
import { UserError } from '../core/errors.ts';

const what = (error: unknown): string =>
  `the disk ${isFull(error) ? 'is full' : 'fails'} (${codeOf(error) ?? String(error)})`;

/** While it is tried again: ends with no full stop, for whoever says where it stands. */
export const waitsForDisk = (dir: string, error: unknown): string =>
  `${what(error)} and takes nothing for ${dir}: the run waits, nothing is lost, and it goes on by itself when there is room`;

/** When nobody waits any longer. @param saved the step of the last whole checkpoint, 0 if there is none */
export const notSaved = (dir: string, saved: number, error: unknown): UserError =>
  new UserError(
    `${what(error)}, so ${dir} holds nothing after ${saved === 0 ? 'its beginning' : `its checkpoint of step ${saved}`}: make room, then go on from there with --resume ${dir}.`,
    { cause: error },
  );

/** Where waiting is of no use. @returns a UserError as it is */
export function cannotWrite(place: string, error: unknown): UserError {
  if (error instanceof UserError) return error;
  return new UserError(
    `${place} cannot be written (${codeOf(error) ?? String(error)}): mend that, then continue with --resume.`,
    { cause: error },
  );
}

/**
 * Counts the looks at a test set, in a file beside the parameters that were looked at: a number that steers what is tried next
 * is no test any more. It computes no loss, and keeps nobody from looking.
 */
import { appendFileSync, existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { UserError } from '../core/errors.ts';

export interface TestLook {
  readonly step: number;
  readonly loss: number;
  /** Of the file whose test split it was: another file's is another test. */
  readonly dataSha256: string;
}

/** A line of a file of looks, as far as counting needs it. */
const lineSchema = z.object({ dataSha256: z.string() });

const LOOKS = 'test-looks.jsonl';

/**
 * Where looks are kept: in the folder of a run, also for one of its checkpoints; beside a checkpoint that lies elsewhere.
 * @param from a run's folder, or a checkpoint
 */
export function testLooksFile(from: string): string {
  if (statSync(from, { throwIfNoEntry: false })?.isDirectory()) return join(from, LOOKS);
  const dir = dirname(from);
  if (existsSync(join(dir, 'config.json'))) return join(dir, LOOKS);
  return `${from.replace(/\.safetensors$/, '')}.${LOOKS}`;
}

/**
 * Writes a look down.
 * @returns how many there have been at the same test set, with this one
 * @throws UserError if it cannot be written: a look that is not counted should not be had
 */
export function countTestLook(file: string, { step, loss, dataSha256 }: TestLook): number {
  try {
    const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
    // A line that a crash cut short is left behind as it is.
    const end = before === '' || before.endsWith('\n') ? '' : '\n';
    const line = JSON.stringify({ time: new Date().toISOString(), step, loss, dataSha256 });
    appendFileSync(file, `${end}${line}\n`);
    return before.split('\n').filter((text) => isLookAt(dataSha256, text)).length + 1;
  } catch (error) {
    throw new UserError(
      `this look at the test set cannot be counted, ${file} cannot be written (${String(error)}): make it writable, or copy the checkpoint to a folder that is.`,
    );
  }
}

/** Whether a line tells of a look at this data's test set; one that cannot be read may be, and counts. */
function isLookAt(dataSha256: string, text: string): boolean {
  if (text.trim() === '') return false;
  try {
    return lineSchema.parse(JSON.parse(text)).dataSha256 === dataSha256;
  } catch {
    return true;
  }
}

/** What is closed after the work, and which error is told, whatever fails. */
import { expect, test } from 'vitest';
import { thenClose } from '../../cli/thenClose.ts';

/** Works, then closes three things. @param wrong those that fail @returns what came of it, and what was called */
async function closing(wrong: readonly string[]): Promise<{ outcome: string; called: string[] }> {
  const called: string[] = [];
  const act = (what: string) => async () => {
    called.push(what);
    if (wrong.includes(what)) throw new Error(`no ${what}`);
    return `${what} done`;
  };
  const done = thenClose(act('work'), [act('door'), act('threads'), act('folder')]);
  return { outcome: await done.catch(({ message }: Error) => message), called };
}

test.each([
  { wrong: [], told: 'work done' },
  { wrong: ['door'], told: 'no door' },
  { wrong: ['threads', 'folder'], told: 'no threads' },
  { wrong: ['work'], told: 'no work' },
  { wrong: ['door', 'work'], told: 'no work' },
])('all is closed, and the first error told, with no $wrong', async ({ wrong, told }) => {
  expect(await closing(wrong)).toEqual({ outcome: told, called: ['work', 'door', 'threads', 'folder'] });
});

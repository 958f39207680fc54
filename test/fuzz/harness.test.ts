/** The fuzz itself: it tells of each kind of fault, with a case that fails again alone. What it finds in earnest is elsewhere. */
import { describe, expect, test } from 'vitest';
import { describeFailure, watchFuzz } from './watch.ts';

describe('a subject fails that', () => {
  test.each([
    ['never returns', /nothing has come of it for 2 seconds/],
    ['allocates what was announced', /4294967296 bytes were asked for, of at most 4096/],
    ['allocates, and swallows that it may not', /1073741824 bytes were asked for, of at most 4096/],
    ['makes room for a list of what was announced', /1073741824 bytes were asked for, of at most 4096/],
    ['takes memory in many small objects', /memory grew by \d+ bytes, of which its size explains 4166/],
    ['takes all memory', /ended the thread: .*out of memory|ERR_WORKER_OUT_OF_MEMORY/],
    ['throws an error of another kind', /threw TypeError/],
    ['rejects with one', /threw TypeError: not a UserError/],
    ['changes every object', /every object now has a polluted/],
    ['ends the process', /ended the thread/],
  ])('%s', { timeout: 60_000 }, async (subject, reason) => {
    const options = { subject, seed: 3, pieces: 1000, heap: 64 };
    const patience = subject === 'never returns' ? 2 : 10;
    const { failure } = await watchFuzz({ ...options, patience });
    expect(failure?.reason).toMatch(reason);
    if (failure === null) throw new Error('unreachable');
    // It was the faulty piece, not the first or the last.
    expect(await describeFailure(failure, subject)).toContain('its 1 bytes: 07');
    const again = await watchFuzz({ ...options, patience, only: failure.index });
    expect(again.failure).toMatchObject({ index: failure.index, piece: 0, reason: expect.stringMatching(reason) });
    expect((await watchFuzz({ ...options, only: failure.index - 1 })).failure).toBe(null);
  });
});

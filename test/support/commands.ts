/** Command lines done in this process, which is faster than in one of their own (cli.ts): for what needs neither pipes nor signals. */
import { expect, vi } from 'vitest';
import { run } from '../../cli/commands.ts';
import { UserError } from '../../core/errors.ts';

/** What a command that succeeds prints. */
export async function printed(...args: string[]): Promise<string> {
  let text = '';
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const log = vi.spyOn(console, 'log').mockImplementation((line) => {
    text += `${line}\n`;
  });
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((some) => {
    text += typeof some === 'string' ? some : decoder.decode(some, { stream: true });
    return true;
  });
  try {
    await run(args);
  } finally {
    log.mockRestore();
    write.mockRestore();
  }
  return text;
}

/** The command fails with one sentence, which says `what`. */
export async function complains(args: readonly string[], what: RegExp): Promise<void> {
  const error: unknown = await printed(...args).then(
    () => 'it did not fail',
    (error) => error,
  );
  expect(error).toBeInstanceOf(UserError);
  expect(error).toMatchObject({ message: expect.stringMatching(/^[^\n]+$/) });
  expect(error).toMatchObject({ message: expect.stringMatching(what) });
}

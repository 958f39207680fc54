/** What a soak stands on: no process ends unnoticed, and none outlives it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { root } from '../support/cli.ts';
import { isAlive, Processes, stateOf } from './processes.ts';

test('a process that ends unasked is a failure', async () => {
  const processes = new Processes();
  processes.start('a run of nothing', ['train', 'no-such-preset']);
  await expect(processes.failed).rejects.toThrow(
    /a run of nothing ended by itself \(1\): manygrad: there is no preset/,
  );
  expect(processes.complaints).toEqual([expect.stringMatching(/^a run of nothing said: manygrad: there is no preset/)]);
  expect(await processes.close()).toBe(0);
});

// It reads /proc.
test.skipIf(!existsSync('/proc/self/status'))(
  'a soak that is killed with SIGKILL leaves no process behind, not even a frozen one',
  async () => {
    // A worker that would wait for its coordinator for ever.
    const code = `
    const { Processes } = await import('./test/soak/processes.ts');
    const cli = new Processes().start('worker', ['worker', 'ws://127.0.0.1:1', '--json']);
    await cli.until((event) => event.event === 'waiting');
    cli.kill('SIGSTOP');
    console.log(cli.process.pid);
  `;
    const soak = spawn(process.execPath, ['--input-type=module', '-e', code], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(createInterface({ input: soak.stdout }), 'line');
    const pid = Number(line);
    await expect.poll(() => stateOf(pid), { timeout: 10_000 }).toBe('T');
    soak.kill('SIGKILL');
    await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false);
  },
  60_000,
);

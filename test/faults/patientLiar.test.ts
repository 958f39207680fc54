/**
 * A liar that first earns its good name: fifty honest results, then one lie in twenty, each of a size that nothing gives away. Which
 * results are checked is drawn, so its first lies are believed, and are in the parameters by the time that it is found out: then
 * the run goes back to before its first unchecked result, and makes those steps again. Liars follow each other, each under a name
 * of its own, until one's lie was seen in the run's course.
 */
import { afterAll, afterEach, expect, test } from 'vitest';
import { addToken } from '../../coordinator/door/tokenFile.ts';
import { Attacker, endAttackers } from '../support/attackers.ts';
import { type CliEvent, endAll } from '../support/cli.ts';
import { LivePage } from '../support/livePage.ts';
import { logHas } from '../support/log.ts';
import { get, samples } from '../support/scrape.ts';
import { flipped } from './lies.ts';
import { Stage, type StagedRun } from './stage.ts';

/** One liar in thirteen or so is found out at its first lie, before that counts: so many in a row are not. */
const LIARS = 12;
const HONESTLY = 50;
const ONE_IN = 20;

const stage = new Stage(4);
const tokens = stage.path('tokens.json');
const trusted = addToken(tokens, 'honest', true);

afterEach(async () => {
  endAttackers();
  await endAll();
});
afterAll(stage.remove);

const rollbacks = (run: StagedRun) => run.cli.events.filter((e) => e.event === 'rollback');

/** Lies until it is found out. @returns the steps in which it did, those that were not made included */
async function lieUntilFound(run: StagedRun, name: string): Promise<number[]> {
  const lied: number[] = [];
  const liar = new Attacker(run.url, { name }, async (work, self) => {
    const honest = await self.honest(work);
    const lies = self.sent >= HONESTLY && (self.sent - HONESTLY) % ONE_IN === 0;
    if (lies) lied.push(work.version + 1);
    self.answer(lies ? await flipped(honest) : honest);
  });
  expect(await run.left(name, 30_000)).toBe('its result was not what the same micro-batches gave another worker');
  expect((await liar.closed).farewell?.seconds).toBe(600);
  expect(liar.sent).toBeGreaterThan(HONESTLY);
  return lied;
}

test('with --verify, it is found out in the end, its lies are undone, and the run has the bits of a clean one', async () => {
  const log = stage.path('run.log');
  const run = await stage.run(
    ...['--threads', '0', '--tokens', tokens, '--verify', '--checkpoint-every', '5', '--log', log],
  );
  run.worker('honest', trusted);
  await run.joined('honest');
  const page = await LivePage.open(run.port, 'k', '/live');
  // Checkpoints are told of too, and only the last hundred notices are kept.
  const noticed = page
    .until((s) => s?.notices.some(({ text }) => text.startsWith('went back ')) === true)
    .then(() => page.state?.notices.find(({ text }) => text.startsWith('went back '))?.text);
  let [liars, wrong] = [0, 0];
  while (wrong === 0) {
    expect(++liars).toBeLessThanOrEqual(LIARS);
    const lied = await lieUntilFound(run, `liar ${liars}`);
    // Among fifty honest results there are some that nobody checked.
    await run.goesOn(3);
    expect(rollbacks(run).length).toBe(liars);
    const undone = run.stretches.at(-2) ?? [];
    const course = (await stage.clean(Math.max(...undone.map(({ step }) => step)))).steps;
    const first = undone.find(({ step, loss, gradNorm }) => {
      const right = course[step - 1];
      return loss !== right?.loss || gradNorm !== right.gradNorm;
    });
    if (first === undefined) continue;
    wrong = first.step;
    expect(lied).toContain(wrong);
  }
  const [{ from: back, to: there }] = rollbacks(run) as [CliEvent];
  expect(await noticed).toBe(`went back from step ${back} to ${there}, to undo what a worker had made up`);
  const { from, to } = rollbacks(run).at(-1) as CliEvent;
  expect(from).toBeGreaterThanOrEqual(wrong);
  expect(to).toBeLessThan(wrong);
  const checkpoints = run.cli.events.flatMap((e) => (e.event === 'checkpoint' ? [e.step] : []));
  expect([0, ...checkpoints]).toContain(to);

  expect(await logHas(log, (e) => e.event === 'rollback' && e.from === from && e.to === to)).toMatchObject({
    level: 'warn',
  });
  await logHas(log, (e) => e.event === 'expelled' && e.cause === 'lied');
  const metrics = samples((await get(run.port, '/metrics')).text);
  const count = (name: string) => metrics.get(`manygrad_${name}`) ?? 0;
  expect(count('rollbacks_total')).toBe(liars);
  expect(count('expulsions_total{cause="lied"}')).toBe(liars);
  expect(count('checks_total{outcome="differed"}')).toBe(liars);
  expect(count('checks_total{outcome="agreed"}')).toBeGreaterThanOrEqual(10 * liars);

  // The honest worker has one thread: the checks that had the run go back are leases that it has answered.
  expect(count('leases_outstanding')).toBeLessThanOrEqual(1);

  await run.end();
  await stage.expectClean(run);
}, 300_000);

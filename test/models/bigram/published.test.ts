/** The lecture's own numbers, on its own names: the checks of the acceptance that train nothing for long. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { section2 } from '../../acceptance/section2.ts';
import { dataDir } from '../../acceptance/training.ts';

const NAMES = join(dataDir, 'names.txt');
const LONG = ['2-net', '2-net-names', '2-net-counts', '2-preset'];
const short = section2.filter(({ id }) => !LONG.includes(id));

test.skipIf(!existsSync(NAMES)).each(short)(`$id: $what (skipped where ${NAMES} is absent)`, async (check) => {
  const { ours, holds } = await check.run(() => ({}));
  expect(holds, ours).toBe(true);
});

test('every check has a name of its own, in this section', () => {
  expect(new Set(section2.map(({ id }) => id)).size).toBe(section2.length);
  for (const { id, section } of section2) expect([section, id.slice(0, 2)]).toEqual([2, '2-']);
});

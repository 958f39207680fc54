/** The quick checks of the acceptance (`npm run acceptance -- --quick`), each a test. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Values } from './check.ts';
import { checks } from './checks.ts';
import { dataDir, discardScratch } from './training.ts';

afterAll(discardScratch);

const found = new Map<string, Values>();
// In the table's order: those that compare come after what they compare.
for (const check of checks.filter(({ quick }) => quick)) {
  const absent = check.needs !== null && !existsSync(join(dataDir, check.needs));
  const why = absent ? ` (skipped: there is no ${check.needs} in ${dataDir}; set MANYGRAD_DATA to where it is)` : '';
  test.skipIf(absent)(
    `${check.id}: ${check.what}${why}`,
    async () => {
      const { ours, holds, values } = await check.run((id) => found.get(id) ?? {});
      if (values !== undefined) found.set(check.id, values);
      expect(holds, `${check.lecture} | ${ours}`).toBe(true);
    },
    120_000,
  );
}

test('every check has a name of its own, in its section, and comes after those that it is about', () => {
  const ids = checks.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { id, section, after = [] } of checks) {
    expect(Number(id[0])).toBe(section);
    for (const other of after) expect(ids.slice(0, ids.indexOf(id))).toContain(other);
  }
});

/**
 * `npm run acceptance`: makes every check and writes docs/ACCEPTANCE.md from what it found; `--quick` makes the quick ones and
 * only prints; `--only ID[,ID]` some. What a long run has found is kept under runs/acceptance, so that it can be stopped and
 * called again; `--again` forgets it.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import type { Check, Values } from './check.ts';
import { checks } from './checks.ts';
import { dataDir, discardScratch, root, runsDir } from './training.ts';

const rowSchema = z.object({
  id: z.string(),
  ours: z.string(),
  holds: z.boolean(),
  values: z.record(z.string(), z.number()).optional(),
  seconds: z.number(),
  /** Where that was: long checks may have been made elsewhere, and are kept. */
  machine: z.string().default('a machine that was not noted'),
});
type Row = z.infer<typeof rowSchema>;

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    again: { type: 'boolean', default: false },
    /** Long checks made at a time: each is a training on one thread. */
    jobs: { type: 'string', default: `${Math.max(1, Math.floor(availableParallelism() / 2))}` },
  },
});
const only = flags.only?.split(',');
const chosen = checks.filter(({ id, quick }) => (only === undefined ? !flags.quick || quick : only.includes(id)));
if (chosen.length === 0)
  throw new Error(`there is no check ${flags.only}: they are ${checks.map(({ id }) => id).join(', ')}`);
if (flags.again) rmSync(runsDir, { recursive: true, force: true });

const machine = `${cpus()[0]?.model.trim() ?? 'unknown'}, ${availableParallelism()} threads, Node ${process.versions.node}`;
const rows = new Map<string, Row>();
const missing = (check: Check) => check.needs !== null && !existsSync(join(dataDir, check.needs));
const able = chosen.filter((check) => !missing(check));
for (const { id, needs } of chosen.filter(missing))
  console.log(`skipped  ${id}: there is no ${needs} in ${dataDir} (set MANYGRAD_DATA to where it is)`);

// First those that stand by themselves, several at a time; then those that compare.
const first = able.filter(({ after }) => after === undefined);
const queue = [...first.filter(({ quick }) => quick), ...first.filter(({ quick }) => !quick)];
await Promise.all(
  Array.from({ length: Number(flags.jobs) }, async () => {
    for (let check = queue.shift(); check !== undefined; check = queue.shift()) await make(check);
  }),
);
for (const check of able) if (check.after !== undefined) await make(check);

discardScratch();

const failed = [...rows.values()].filter(({ holds }) => !holds);
console.log(
  `\n${rows.size - failed.length} of ${rows.size} hold${failed.length === 0 ? '' : `; not: ${failed.map(({ id }) => id).join(', ')}`}`,
);
if (only === undefined && !flags.quick && able.length === checks.length) writeTable();
process.exitCode = failed.length === 0 ? 0 : 1;

async function make(check: Check): Promise<void> {
  const file = join(runsDir, `${check.id}.json`);
  const kept = !check.quick && existsSync(file);
  const row = kept ? rowSchema.parse(JSON.parse(readFileSync(file, 'utf8'))) : await run(check);
  rows.set(check.id, row);
  if (!check.quick && !kept && row.holds) {
    mkdirSync(runsDir, { recursive: true });
    writeFileSync(file, `${JSON.stringify(row)}\n`);
  }
  console.log(
    `${row.holds ? 'holds  ' : 'FAILS  '}  ${check.id}: ${check.what}: ${check.lecture} | ${row.ours} (${row.seconds.toFixed(1)} s${kept ? ', kept' : ''})`,
  );
}

async function run(check: Check): Promise<Row> {
  const begin = performance.now();
  const seconds = () => (performance.now() - begin) / 1000;
  try {
    const of = (id: string): Values => rows.get(id)?.values ?? {};
    const { ours, holds, values } = await check.run(of);
    return { id: check.id, ours, holds, ...(values === undefined ? {} : { values }), seconds: seconds(), machine };
  } catch (error) {
    return {
      id: check.id,
      ours: error instanceof Error ? error.message : String(error),
      holds: false,
      seconds: seconds(),
      machine,
    };
  }
}

function writeTable(): void {
  const titles = [
    '',
    'micrograd',
    'makemore 1: bigrams',
    'makemore 2: MLP',
    'makemore 3: activations, gradients, batch norm',
    'makemore 4: backpropagation by hand',
    'makemore 5: WaveNet',
    "Let's build GPT",
    'The state of GPT',
    "Let's build the GPT tokenizer",
  ];
  const cell = (text: string) => text.replaceAll('|', '\\|');
  const lines = [
    "# The lectures' results, reproduced",
    '',
    'Written by `npm run acceptance`; nothing in it is typed by hand. A loss is the mean over the seeds ± their standard deviation, training / validation where',
    "there are two. Data: makemore's names.txt, tiny Shakespeare, minbpe's taylorswift.txt. `--only` takes the name of a check: `npm run acceptance -- --only 4-deep`.",
    '',
    `Seconds are of ${[...new Set([...rows.values()].map((row) => row.machine))].join('; and of ')}.`,
  ];
  for (const section of new Set(checks.map((check) => check.section))) {
    lines.push(
      '',
      `## ${titles[section]}`,
      '',
      '| check | what | lecture | ours | holds | seeds | command | seconds |',
      '| --- | --- | --- | --- | --- | --- | --- | --- |',
    );
    for (const check of checks.filter((c) => c.section === section)) {
      const row = rows.get(check.id);
      if (row === undefined) continue;
      const cells = [
        check.id,
        check.what,
        check.lecture,
        row.ours,
        row.holds ? 'yes' : '**no**',
        check.seeds,
        `\`${check.command}\``,
        row.seconds.toFixed(row.seconds < 10 ? 1 : 0),
      ];
      lines.push(`| ${cells.map(cell).join(' | ')} |`);
    }
  }
  const holding = [...rows.values()].filter(({ holds }) => holds).length;
  lines.push('', `${holding} of ${rows.size} hold.`);
  writeFileSync(join(root, 'docs', 'ACCEPTANCE.md'), `${lines.join('\n')}\n`);
  console.log('Wrote docs/ACCEPTANCE.md');
}

/** `manygrad tokenizer shard`: makes token shards of texts, and shows how far it is and how fast. */
import { MultiBar, Presets } from 'cli-progress';
import { makeShards, type ShardProgress } from '../../core/data/shards/make.ts';
import { UserError } from '../../core/errors.ts';
import { loadTokenizer } from '../../core/tokenizer/load.ts';
import { duration, type OutputMode } from '../output.ts';

export interface TokenizerShardArguments {
  readonly inputs: readonly string[];
  /** A published name, or a file. */
  readonly tokenizer: string;
  readonly out: string;
  readonly shardTokens: number;
  readonly threads: number;
  readonly textField: string;
  readonly separator: string | undefined;
  readonly mode: OutputMode;
}

/** How often a line is printed where there is no terminal to redraw it on. */
const NO_TERMINAL_MS = 10_000;

/** @throws UserError */
export async function tokenizerShard({ tokenizer, separator, mode, ...args }: TokenizerShardArguments): Promise<void> {
  if (separator === '')
    throw new UserError("--document-separator is empty: give the text that parts documents, such as $'\\n\\n'.");
  const options = { ...args, tokenizer: await loadTokenizer(tokenizer), separator: separator ?? null };
  const began = performance.now();
  const show = shower(mode, began);
  let first: number | null = null;
  const manifest = await makeShards(options, (progress) => {
    // What an earlier call has made is none of this one's speed.
    first ??= progress.tokens;
    show.progress(progress, progress.tokens - first);
  }).finally(() => show.stop());
  const { shards, documents } = manifest;
  const tokens = shards.reduce((total, shard) => total + shard.tokens, 0);
  const told = { event: 'end', dir: args.out, shards: shards.length, tokens, documents };
  if (mode === 'json') console.log(JSON.stringify(told));
  if (mode === 'person')
    console.log(
      `${count(tokens)} tokens of ${documentsIn(documents)}, in ${count(shards.length)} shards, the first to validate on, in ${duration((performance.now() - began) / 1000)}. ` +
        `Train on them with:  manygrad train text-gpt --data ${args.out}`,
    );
}

const count = (n: number) => n.toLocaleString('en');
const documentsIn = (n: number) => `${count(n)} document${n === 1 ? '' : 's'}`;

function shower(mode: OutputMode, began: number) {
  const bars =
    mode === 'person' && process.stderr.isTTY
      ? new MultiBar({ format: '{line}', hideCursor: true, fps: 5 }, Presets.shades_classic)
      : null;
  const bar = bars?.create(1, 0, { line: '' }) ?? null;
  let printedAt = began;
  let shown = -1;
  return {
    progress(progress: ShardProgress, made: number): void {
      const { tokens, documents, shards, units } = progress;
      if (mode === 'json' && shards !== shown) console.log(JSON.stringify({ event: 'progress', ...progress }));
      shown = shards;
      const now = performance.now();
      const seconds = (now - began) / 1000;
      const line = `${count(tokens)} tokens  ${documentsIn(documents)}  ${shards} shards  ${count(Math.round(made / seconds))} tokens/s  ${(units / seconds / 1e6).toFixed(1)} M characters/s`;
      if (bar !== null) bar.update(0, { line });
      else if (mode === 'person' && now - printedAt >= NO_TERMINAL_MS) {
        printedAt = now;
        console.log(line);
      }
    },
    stop: () => bars?.stop(),
  };
}

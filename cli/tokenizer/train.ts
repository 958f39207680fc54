/** `manygrad tokenizer train`: learns byte pairs from text files, and writes them as minbpe's two files. */
import { UserError } from '../../core/errors.ts';
import { BasicTokenizer } from '../../core/tokenizer/basic.ts';
import { hashOf } from '../../core/tokenizer/description.ts';
import { writeMinbpe, writeVocab } from '../../core/tokenizer/formats/minbpe.ts';
import { patternNamed, patterns, splitterOf } from '../../core/tokenizer/splitting/patterns.ts';
import { trainFiles } from '../../core/tokenizer/training/trainFiles.ts';
import { duration, type OutputMode } from '../output.ts';
import { EXIT_CODES, onSignals, type StopSignal } from '../signals.ts';
import { checkName, writing } from './sink.ts';
import { TrainingTeller } from './trainingTeller.ts';

export interface TrainArguments {
  readonly files: readonly string[];
  readonly kind: 'regex' | 'basic';
  readonly pattern: string | undefined;
  readonly vocabSize: number;
  readonly special: readonly string[];
  /** The files are this and .model, this and .vocab. */
  readonly out: string;
  readonly threads: number;
  readonly mode: OutputMode;
}

/** @returns the exit code. @throws UserError */
export async function train(a: TrainArguments): Promise<number> {
  if (a.kind === 'basic' && a.pattern !== undefined)
    throw new UserError('a basic tokenizer has no pattern: leave out --pattern, or --kind basic.');
  if (a.pattern !== undefined && /^\w+$/.test(a.pattern) && !Object.hasOwn(patterns, a.pattern))
    throw new UserError(
      `there is no pattern named ${a.pattern}: give ${Object.keys(patterns).join(', ')} or a regular expression.`,
    );
  const pattern = a.kind === 'basic' ? null : patternNamed(a.pattern ?? 'gpt4');
  checkBefore(a, pattern);
  const started = performance.now();
  const teller = new TrainingTeller(a.mode);
  let stopped: StopSignal | undefined;
  const stop = new AbortController();
  const unhook = onSignals((signal) => {
    stopped = signal;
    stop.abort(new UserError('the training was stopped.'));
  });
  try {
    const { vocabSize, special, threads } = a;
    const options = { pattern, vocabSize, special, threads, watch: teller, signal: stop.signal };
    const tokenizer = await trainFiles(a.files, options);
    teller.stop();
    const [model, vocab] = [`${a.out}.model`, `${a.out}.vocab`];
    const files = [model, vocab];
    // One within the other, so that where there is no room for both there is neither.
    await writing(vocab, async (sink) => {
      await sink(writeVocab(tokenizer));
      await writing(model, (sink) => sink(writeMinbpe(tokenizer)));
    });
    const seconds = (performance.now() - started) / 1000;
    const { merges } = tokenizer.pairs;
    if (a.mode === 'json') {
      const told = {
        tokens: tokenizer.vocabSize,
        merges: merges.length,
        special: Object.fromEntries(tokenizer.special),
      };
      console.log(JSON.stringify({ event: 'trained', ...told, hash: hashOf(tokenizer), files, seconds }));
    }
    if (a.mode === 'person') {
      const fewer = tokenizer.vocabSize < vocabSize ? `, and not ${vocabSize}, since no pair is left` : '';
      console.log(
        `${tokenizer.vocabSize} tokens${fewer}: 256 bytes, ${merges.length} merges, ${special.length} special. Learned in ${seconds < 10 ? `${seconds.toFixed(1)}s` : duration(seconds)}.`,
      );
      console.log(`Written: ${files.join(' to encode with, ')} to look at.`);
    }
    return 0;
  } catch (error) {
    if (stopped === undefined) throw error;
    if (a.mode === 'person') console.error('Stopped: nothing is written.');
    return EXIT_CODES[stopped];
  } finally {
    teller.stop();
    unhook();
  }
}

/** What can be known to fail does so before the work. @throws UserError */
function checkBefore({ special, out }: TrainArguments, pattern: string | null): void {
  checkName(out);
  if (pattern !== null) {
    splitterOf(pattern);
    if (/[\r\n]/.test(pattern))
      throw new UserError('the pattern has a line end, which a .model file cannot hold: write it as \\n or \\r.');
  }
  writeMinbpe(new BasicTokenizer([], new Map(special.map((text, i) => [text, 256 + i]))));
}

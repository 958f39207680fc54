/** `manygrad tokenizer train --kind sentencepiece`: learns pieces of code points from text files, in memory, and writes a tokenizer.json. */
import { UserError } from '../../core/errors.ts';
import { describe, hashOf } from '../../core/tokenizer/description.ts';
import { SENTENCE_PIECE_DEFAULTS, trainSentencePiece } from '../../core/tokenizer/sentencePiece/train.ts';
import { toText } from '../../core/tokenizer/utf8.ts';
import type { OutputMode } from '../output.ts';
import { fileInput } from './inputs.ts';
import { checkName, writing } from './sink.ts';
import { TrainingTeller } from './trainingTeller.ts';

export interface SentencePieceArguments {
  readonly files: readonly string[];
  readonly vocabSize: number;
  /** Symbols that are in no text. */
  readonly special: readonly string[];
  readonly out: string;
  readonly mode: OutputMode;
}

/** All of the text is a string, with its lines cut apart besides. */
const LARGEST = 256 * 2 ** 20;

const { maxSentenceLength } = SENTENCE_PIECE_DEFAULTS;

/** How many lines are left out. */
function longLines(text: string): number {
  let long = 0;
  for (const line of text.split('\n')) if (Buffer.byteLength(line) > maxSentenceLength) long++;
  return long;
}

/** It learns without a break: a signal ends the process, and nothing is written then. @throws UserError */
export async function trainPieces({ files, vocabSize, special, out, mode }: SentencePieceArguments): Promise<void> {
  const file = `${out}.json`;
  checkName(out);
  const texts: string[] = [];
  let bytes = 0;
  for (const name of files) {
    const parts: Uint8Array[] = [];
    for await (const part of fileInput(name).bytes()) {
      parts.push(part);
      bytes += part.length;
      if (bytes > LARGEST)
        throw new UserError(
          `a tokenizer of this kind learns from at most ${LARGEST / 2 ** 20} MiB, all in memory: take less of the text, or --kind regex.`,
        );
    }
    texts.push(toText(Buffer.concat(parts)));
  }
  const started = performance.now();
  const text = texts.join('\n');
  const teller = new TrainingTeller(mode);
  const long = longLines(text);
  if (long > 0)
    teller.warn(
      `${long === 1 ? 'a line is' : `${long} lines are`} longer than ${maxSentenceLength} bytes, and not learned from: break such lines into shorter ones.`,
    );
  const options = { vocabSize, controlSymbols: special };
  const tokenizer = trainSentencePiece(text, options, (pieces, count) => teller.onPiece(pieces, vocabSize, count));
  teller.stop();
  await writing(file, (sink) => sink(`${JSON.stringify(describe(tokenizer))}\n`));
  const seconds = (performance.now() - started) / 1000;
  const tokens = tokenizer.vocabSize;
  if (mode === 'json')
    console.log(JSON.stringify({ event: 'trained', tokens, hash: hashOf(tokenizer), files: [file], seconds }));
  if (mode === 'person') {
    const fewer = tokens < vocabSize ? `, and not ${vocabSize}, since no pair is left` : '';
    console.log(`${tokens} tokens${fewer}. Learned in ${seconds.toFixed(1)}s. Written: ${file}.`);
  }
}

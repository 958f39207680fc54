/** `manygrad tokenizer decode`: ids, as many as there are, to text. A character whose bytes are in several tokens waits for the last. */
import { UserError } from '../../core/errors.ts';
import { loadTokenizer } from '../../core/tokenizer/load.ts';
import { StreamingDecoder } from '../../core/tokenizer/streamingDecoder.ts';
import { linesIn, textOf } from '../../core/tokenizer/streamingEncoder.ts';
import type { Width } from './encode.ts';
import { inputsOf } from './inputs.ts';
import { writing } from './sink.ts';

export interface DecodeArguments {
  /** Ids, files of ids, or `-`. */
  readonly inputs: readonly string[];
  readonly tokenizer: string;
  /** Each line of ids to a line of text. */
  readonly lines: boolean;
  readonly binary: Width | undefined;
  readonly out: string | undefined;
  readonly json: boolean;
}

/** @throws UserError */
export async function decode(a: DecodeArguments): Promise<void> {
  if (a.binary !== undefined && a.lines)
    throw new UserError('binary ids have no lines: leave out --lines or --binary.');
  const tokenizer = await loadTokenizer(a.tokenizer);
  const areIds =
    a.inputs.length > 0 && a.binary === undefined && a.inputs.every((given) => /^[\d\s,[\]]+$/.test(given));
  const inputs = inputsOf(areIds ? [a.inputs.join(' ')] : a.inputs);
  await writing(a.out, async (sink) => {
    const tell = (text: string) => sink(a.json ? `${JSON.stringify({ event: 'text', text })}\n` : text);
    const decoder = new StreamingDecoder(tokenizer);
    for (const input of inputs) {
      if (a.lines) {
        for await (const line of linesIn(textOf(input.bytes()))) {
          const text = textOfIds(decoder, parseIds(line)) + decoder.end();
          await tell(a.json ? text : `${text}\n`);
        }
        continue;
      }
      const ids =
        a.binary === undefined ? idsIn(textOf(input.bytes())) : binaryIds(input.bytes(), a.binary, input.name);
      for await (const some of ids) {
        const text = textOfIds(decoder, some);
        if (text !== '') await tell(text);
      }
      const rest = decoder.end();
      if (rest !== '') await tell(rest);
    }
  });
}

/** @throws UserError where an id is no token's */
function textOfIds(decoder: StreamingDecoder, ids: readonly number[]): string {
  try {
    let text = '';
    for (const id of ids) text += decoder.push(id);
    return text;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UserError(`${error.message}: see that these are ids, and of this tokenizer.`);
  }
}

/** White space, commas and brackets stand between ids, so that a list is read too. */
const BETWEEN = /[\s,[\]]+/;

function parseIds(text: string): number[] {
  return text
    .split(BETWEEN)
    .filter((id) => id !== '')
    .map((id) => {
      if (/^\d{1,10}$/.test(id)) return Number(id);
      throw new UserError(
        `${JSON.stringify(id.slice(0, LONGEST))} is no token id: give whole numbers with white space between them, or --binary for what encode --binary wrote.`,
      );
    });
}

async function* idsIn(text: AsyncIterable<string>): AsyncGenerator<number[]> {
  let waiting = '';
  for await (const some of text) {
    const all = waiting + some;
    // The last id may go on in what follows; what is longer than any is none.
    const last = /[^\s,[\]]+$/.exec(all.slice(-LONGEST))?.[0].length ?? 0;
    const end = last < LONGEST ? all.length - last : all.length;
    waiting = all.slice(end);
    yield parseIds(all.slice(0, end));
  }
  yield parseIds(waiting);
}

/** So much of what is no id is shown. */
const LONGEST = 40;

async function* binaryIds(bytes: AsyncIterable<Uint8Array>, width: Width, from: string): AsyncGenerator<number[]> {
  const size = width === 'uint16' ? 2 : 4;
  let left = new Uint8Array(0);
  for await (const some of bytes) {
    const all = new Uint8Array(left.length + some.length);
    all.set(left);
    all.set(some, left.length);
    const view = new DataView(all.buffer);
    const count = Math.floor(all.length / size);
    yield Array.from({ length: count }, (_, i) =>
      size === 2 ? view.getUint16(2 * i, true) : view.getUint32(4 * i, true),
    );
    left = all.slice(size * count);
  }
  if (left.length > 0)
    throw new UserError(`${from} does not end with a whole ${width}: see that it is a file of those, and whole.`);
}

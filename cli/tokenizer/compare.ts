/** `manygrad tokenizer compare`: several tokenizers on the same texts: how many tokens, how fast, and where they cut. */
import { UserError } from '../../core/errors.ts';
import { loadTokenizer } from '../../core/tokenizer/load.ts';
import { PUBLISHED } from '../../core/tokenizer/published.ts';
import { safePieces, textOf } from '../../core/tokenizer/streamingEncoder.ts';
import type { Tokenizer } from '../../core/tokenizer/tokenizer.ts';
import { toBytes } from '../../core/tokenizer/utf8.ts';
import type { OutputMode } from '../output.ts';
import { type Input, inputsOf, textInput } from './inputs.ts';
import { sentences } from './sentences.ts';
import { beside, visible } from './show.ts';

export interface CompareArguments {
  readonly tokenizers: readonly string[];
  /** More tokenizers, then what to encode. */
  readonly others: readonly string[];
  readonly mode: OutputMode;
}

/** Longer texts are counted, and their beginning is shown. */
const SHOWN = 600;

const isTokenizer = (given: string): boolean => PUBLISHED.includes(given) || /\.(?:model|json|tiktoken)$/.test(given);

/** @throws UserError */
export async function compare({ tokenizers, others, mode }: CompareArguments): Promise<void> {
  const first = others.findIndex((given) => !isTokenizer(given));
  const more = first < 0 ? others : others.slice(0, first);
  const given = first < 0 ? [] : others.slice(first);
  const names = [...tokenizers, ...more];
  const loaded: [string, Tokenizer][] = [];
  for (const name of names) loaded.push([name, await loadTokenizer(name)]);
  const isBuiltIn = given.length === 0;
  const inputs = isBuiltIn ? sentences.map(([, text]) => textInput(text)) : inputsOf(given);
  if (inputs.some(({ name }) => name === 'standard input') && !isBuiltIn)
    throw new UserError('several tokenizers cannot read one pipe: give a file or a text.');
  for (const [i, input] of inputs.entries()) {
    const label = isBuiltIn ? (sentences[i]?.[0] ?? '') : input.name;
    if (mode === 'person') console.log(`${i > 0 ? '\n' : ''}${label}`);
    for (const [name, tokenizer] of loaded) {
      const { bytes, tokens, ms } = await measure(tokenizer, input);
      const bytesPerToken = tokens === 0 ? 0 : bytes / tokens;
      if (mode === 'json') {
        const pieces = input.text === null ? {} : { pieces: piecesOf(tokenizer, input.text) };
        console.log(
          JSON.stringify({
            event: 'comparison',
            input: label,
            tokenizer: name,
            bytes,
            tokens,
            bytesPerToken,
            ms,
            ...pieces,
          }),
        );
      }
      if (mode === 'person')
        console.log(
          `  ${name.padEnd(24)} ${String(tokens).padStart(9)} tokens  ${bytesPerToken.toFixed(2).padStart(5)} bytes each  ${ms.toFixed(1).padStart(8)} ms`,
        );
    }
    if (mode !== 'person') continue;
    const text = input.text ?? (await beginning(input));
    // A terminal that does not know its width says 0.
    const coloured = process.stdout.isTTY && process.stdout.hasColors();
    for (const line of beside(loaded, text, (process.stdout.columns || 100) - 2, coloured)) console.log(`  ${line}`);
  }
}

/** Encodes it all. The time is that of encoding, without reading. */
async function measure(
  tokenizer: Tokenizer,
  input: Input,
): Promise<{ readonly bytes: number; readonly tokens: number; readonly ms: number }> {
  let [bytes, tokens, ms] = [0, 0, 0];
  for await (const piece of safePieces(tokenizer, textOf(input.bytes()), 'none')) {
    const start = performance.now();
    tokens += tokenizer.encode(piece, 'none').length;
    ms += performance.now() - start;
    bytes += toBytes(piece).length;
  }
  return { bytes, tokens, ms };
}

const piecesOf = (tokenizer: Tokenizer, text: string) =>
  Array.from(tokenizer.encode(text, 'none'), (id) => ({ id, text: visible(tokenizer.bytesOf(id)) }));

async function beginning(input: Input): Promise<string> {
  let text = '';
  for await (const some of textOf(input.bytes())) {
    text += some;
    if (text.length >= SHOWN) break;
  }
  const cut = text.slice(0, SHOWN);
  // Not in the middle of a line, where there is an end of one.
  return text.length > SHOWN && cut.includes('\n') ? cut.slice(0, cut.lastIndexOf('\n') + 1) : cut;
}

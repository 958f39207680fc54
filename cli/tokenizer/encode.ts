/** `manygrad tokenizer encode`: texts of any length to ids. */
import { UserError } from '../../core/errors.ts';
import { loadTokenizer } from '../../core/tokenizer/load.ts';
import { linesIn, safePieces, textOf } from '../../core/tokenizer/streamingEncoder.ts';
import type { AllowedSpecial, Tokenizer } from '../../core/tokenizer/tokenizer.ts';
import { type Input, inputsOf } from './inputs.ts';
import { type Sink, writing } from './sink.ts';
import { parseAllowed } from './special.ts';

export type Width = 'uint16' | 'uint32';

export interface EncodeArguments {
  readonly inputs: readonly string[];
  readonly tokenizer: string;
  readonly allowedSpecial: string;
  /** Each line by itself, without its end. */
  readonly lines: boolean;
  /** Nothing but how many. */
  readonly count: boolean;
  readonly binary: Width | undefined;
  readonly out: string | undefined;
  readonly json: boolean;
}

/** @throws UserError */
export async function encode(a: EncodeArguments): Promise<void> {
  if (a.binary !== undefined && (a.json || a.count))
    throw new UserError('--binary writes ids and nothing else: leave out --json and --count.');
  if (a.binary !== undefined && a.out === undefined && process.stdout.isTTY)
    throw new UserError('binary ids are not for a terminal: name a file with --out, or send them into a pipe.');
  const tokenizer = await loadTokenizer(a.tokenizer);
  if (a.binary === 'uint16' && tokenizer.vocabSize > 2 ** 16)
    throw new UserError(
      `the ids of ${a.tokenizer} go up to ${tokenizer.vocabSize - 1}, which is too much for uint16: use --binary uint32.`,
    );
  const allowed = parseAllowed(a.allowedSpecial, tokenizer);
  const inputs = inputsOf(a.inputs);
  await writing(a.out, async (sink) => {
    if (a.count) await countAll(tokenizer, inputs, allowed, a, sink);
    else for (const input of inputs) await encodeOne(tokenizer, input, allowed, a, sink);
  });
}

/** Pieces that can be encoded by themselves, or lines. */
function piecesOf(tokenizer: Tokenizer, input: Input, allowed: AllowedSpecial, lines: boolean): AsyncIterable<string> {
  const text = textOf(input.bytes());
  return lines ? linesIn(text) : safePieces(tokenizer, text, allowed);
}

async function encodeOne(
  tokenizer: Tokenizer,
  input: Input,
  allowed: AllowedSpecial,
  { lines, binary, json }: EncodeArguments,
  sink: Sink,
): Promise<void> {
  const tell = (ids: Iterable<number>) =>
    sink(`${JSON.stringify({ event: 'ids', input: input.name, ids: [...ids] })}\n`);
  let isFirst = true;
  for await (const piece of piecesOf(tokenizer, input, allowed, lines)) {
    const ids = tokenizer.encode(piece, allowed);
    if (binary !== undefined) await sink(littleEndian(ids, binary));
    else if (json) await tell(ids);
    else if (lines) await sink(`${ids.join(' ')}\n`);
    else if (ids.length > 0) await sink((isFirst ? '' : ' ') + ids.join(' '));
    if (ids.length > 0) isFirst = false;
  }
  if (json && !lines && isFirst) await tell([]);
  if (binary === undefined && !json && !lines) await sink('\n');
}

async function countAll(
  tokenizer: Tokenizer,
  inputs: readonly Input[],
  allowed: AllowedSpecial,
  { lines, json }: EncodeArguments,
  sink: Sink,
): Promise<void> {
  let all = 0;
  for (const input of inputs) {
    let tokens = 0;
    for await (const piece of piecesOf(tokenizer, input, allowed, lines)) tokens += tokenizer.count(piece, allowed);
    all += tokens;
    if (json) await sink(`${JSON.stringify({ event: 'count', input: input.name, tokens })}\n`);
    else await sink(inputs.length === 1 ? `${tokens}\n` : `${tokens} ${input.name}\n`);
  }
  if (!json && inputs.length > 1) await sink(`${all} in all\n`);
}

function littleEndian(ids: Uint32Array, width: Width): Uint8Array {
  const size = width === 'uint16' ? 2 : 4;
  const bytes = new Uint8Array(size * ids.length);
  const view = new DataView(bytes.buffer);
  for (const [i, id] of ids.entries()) {
    if (size === 2) view.setUint16(2 * i, id, true);
    else view.setUint32(4 * i, id, true);
  }
  return bytes;
}

/**
 * A thread that encodes for one column of the page: keeps a tokenizer, a text and its ids, and answers with the few tokens that the
 * page is to show. The page itself stays free, however long the text is.
 */
import * as z from 'zod';
import { parseTokenizer } from '../../core/tokenizer/formats/read.ts';
import type { Tokenizer } from '../../core/tokenizer/tokenizer.ts';
import { concatenate, toBytes } from '../../core/tokenizer/utf8.ts';
import { type Answer, type Question, type Source, type TokenWindow, WINDOW } from './messages.ts';

// The page's policy allows no code made of text, which is how zod makes itself faster: it would try, and be complained of.
z.config({ jitless: true });

let tokenizer: Tokenizer | null = null;
let problem = 'no tokenizer is chosen';
let text = '';
let ids = new Uint32Array(0);
let special: ReadonlySet<number> = new Set();
/** What the ids are of, so that another window of them costs no encoding. */
let encoded: { readonly text: string; readonly by: Tokenizer; readonly readSpecial: boolean } | null = null;

addEventListener('message', ({ data }: MessageEvent<Question>) => {
  answer(data).then(
    (given) => postMessage(given),
    (error: unknown) => postMessage({ kind: 'failed', sentence: sentence(error) } satisfies Answer),
  );
});

const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function answer(question: Question): Promise<Answer> {
  if (question.text !== undefined) text = question.text;
  if (question.open !== undefined) await open(question.open.name, question.open.source);
  if (tokenizer === null) return { kind: 'failed', sentence: problem };
  const { readSpecial, at } = question;
  if (encoded === null || encoded.text !== text || encoded.by !== tokenizer || encoded.readSpecial !== readSpecial) {
    encoded = null;
    ids = tokenizer.encode(text, readSpecial ? 'all' : 'none');
    encoded = { text, by: tokenizer, readSpecial };
  }
  return { kind: 'shown', window: cut(tokenizer, 'first' in at ? at.first : windowOf(tokenizer, at.caret)) };
}

async function open(name: string, source: Source): Promise<void> {
  // The old one is no longer wanted, whatever becomes of the new; and two take twice the memory.
  tokenizer = encoded = null;
  try {
    tokenizer = parseTokenizer(source.kind === 'file' ? source.bytes : await fetched(source), name);
    special = new Set(tokenizer.special.values());
  } catch (error) {
    problem = sentence(error);
  }
}

async function fetched({ path, key }: Extract<Source, { kind: 'served' }>): Promise<Uint8Array> {
  const response = await fetch(path, { headers: bearer(key) }).catch(() => null);
  if (response === null) throw new Error('the server does not answer: look whether it still runs, then choose again.');
  if (!response.ok) throw new Error(await response.text());
  return new Uint8Array(await response.arrayBuffer());
}

/** A key may be any text; a header may not. */
const bearer = (key: string): Record<string, string> =>
  key === '' ? {} : { authorization: `Bearer ${encodeURIComponent(key)}` };

/** The first token of the window that has the one at a place in the text. */
function windowOf(by: Tokenizer, caret: number): number {
  if (ids.length <= WINDOW) return 0;
  let left = toBytes(text.slice(0, caret)).length;
  let at = 0;
  while (at < ids.length - 1 && left > 0) left -= by.bytesOf(ids[at++] ?? 0).length;
  return at - (at % WINDOW);
}

function cut(by: Tokenizer, from: number): TokenWindow {
  const first = Math.min(from, Math.max(0, ids.length - 1));
  const shown = ids.slice(first, first + WINDOW);
  const parts = Array.from(shown, (id) => by.bytesOf(id));
  let end = 0;
  return {
    count: ids.length,
    first,
    ids: shown,
    bytes: concatenate(parts),
    ends: Uint32Array.from(parts, ({ length }) => {
      end += length;
      return end;
    }),
    special: Uint8Array.from(shown, (id) => (special.has(id) ? 1 : 0)),
  };
}

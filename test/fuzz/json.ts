/** Trees written as JSON, and what a JSON reader might stumble over. */
import type { Draws } from './draws.ts';
import { Sink } from './sink.ts';
import { EDGE_NUMBERS, Entries, type Format, Raw, Run, TEXT_LENGTHS, type Value } from './values.ts';

/** What mutations make longer is cut there. */
const MAX_BYTES = 300_000;

const encoder = new TextEncoder();
const raw = (text: string): Raw => new Raw(encoder.encode(text));
const sink = new Sink();

/** A tree as JSON in UTF-8: a value that JSON has no word for as JSON.stringify writes it. */
export function writeJson(value: Value): Uint8Array {
  sink.length = 0;
  write(value);
  return sink.finish();
}

function put(text: string): void {
  if (text.length > 16 || !/^[ -~]*$/.test(text)) sink.put(encoder.encode(text));
  else for (let i = 0; i < text.length; i++) sink.byte(text.charCodeAt(i));
}

function write(value: Value): void {
  if (sink.length > MAX_BYTES) return;
  if (value === null || typeof value === 'boolean' || typeof value === 'string') put(JSON.stringify(value));
  else if (typeof value === 'number') put(Object.is(value, -0) ? '-0' : JSON.stringify(value));
  else if (Array.isArray(value)) {
    put('[');
    for (const [i, item] of value.entries()) {
      if (i > 0) put(',');
      write(item);
    }
    put(']');
  } else if (value instanceof Entries) {
    put('{');
    for (const [i, [key, item]] of value.pairs.entries()) {
      if (i > 0) put(',');
      write(key);
      put(':');
      write(item);
    }
    put('}');
  } else if (value instanceof Raw) sink.put(value.bytes);
  else if (value instanceof Run) for (const item of value.values) write(item);
  else value satisfies never;
}

/** Some are JSON, of a kind that few write; some are not. */
const ODD = [
  ...[
    'NaN',
    'Infinity',
    '-Infinity',
    'undefined',
    '1e999',
    '-1e999',
    '1e-999',
    '1E5',
    '1e0',
    '0x10',
    '01',
    '1.',
    '.5',
    '+1',
  ],
  ...[
    '-0',
    '-',
    '9007199254740993',
    '18446744073709551616',
    '1'.repeat(400),
    '0.1e1',
    '"\\ud800"',
    '"\\u0000"',
    '"\u0001"',
  ],
  ...[
    "'a'",
    'a',
    '',
    ' ',
    '\n',
    '/**/1',
    '1//',
    '[,]',
    '[1,]',
    '{,}',
    '{"a"}',
    '{"a":1,}',
    '}',
    ']',
    '"',
    '\\',
    '\ufeff1',
    'true1',
  ],
];

const hostiles: readonly ((draws: Draws) => Value)[] = [
  (draws) => draws.pick(EDGE_NUMBERS),
  (draws) => draws.pick<Value>([null, true, false, '', [], new Entries([])]),
  (draws) => draws.text(draws.pick(TEXT_LENGTHS)),
  (draws) => raw(draws.pick(ODD)),
  (draws) =>
    draws.pick(['F32', 'F64', 'F16', 'BF16', 'I64', 'U64', 'U8', 'I8', 'BOOL', 'F8_E4M3', '__proto__', 'open']),
  (draws) => (draws.oneIn(8) ? 'x'.repeat(draws.pick([1000, 65_536, 200_000])) : draws.text(300)),
  // Text that is no UTF-8.
  (draws) => new Run([raw('"'), new Raw(draws.bytes(draws.between(1, 8))), raw('"')]),
  (draws) => new Raw(draws.bytes(draws.between(1, 8))),
];

const hostile = (draws: Draws): Value => draws.pick(hostiles)(draws);

export const json: Format = {
  hostile,
  hostileKey: (draws) => draws.pick<Value>([0, null, true, [], new Entries([]), '', draws.text(300), hostile(draws)]),
  lie(container, draws) {
    const isList = Array.isArray(container);
    const written = new TextDecoder().decode(writeJson(container).slice(1, -1));
    const [open, close] = isList ? ['[', ']'] : ['{', '}'];
    return raw(
      draws.pick([
        `${open}${written}`,
        `${written}${close}`,
        `${open}${written},${close}`,
        `${open},${written}${close}`,
        `${open}${written}${close}${close}`,
        `${open}${written.replace(',', ' ')}${close}`,
        `${open}${written.replace(':', ',')}${close}`,
        isList ? `{${written}}` : `[${written}]`,
      ]),
    );
  },
  nest(value, depth, draws) {
    const [open, close] = draws.pick([
      ['[', ']'],
      ['{"a":', '}'],
    ]);
    const deep = Math.min(depth, 20_000);
    return new Run([raw(open.repeat(deep)), value, draws.oneIn(8) ? null : raw(close.repeat(deep))]);
  },
};

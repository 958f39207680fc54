/** Writes Protocol Buffers' wire format and, with it, SentencePiece's .model files: the tests' own, which shares nothing with the reader. */

export type Field = readonly [number: number, wire: 0 | 1 | 2 | 5, value: number | string | Uint8Array];

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}

/** A message with these fields; a number with wire type 5 is a float, with 1 a double. */
export function message(fields: readonly Field[]): Uint8Array {
  const bytes: number[] = [];
  for (const [number, wire, value] of fields) {
    bytes.push(...varint(number * 8 + wire));
    if (typeof value !== 'number') {
      const content = typeof value === 'string' ? new TextEncoder().encode(value) : value;
      bytes.push(...varint(content.length), ...content);
    } else if (wire === 0) bytes.push(...varint(value));
    else bytes.push(...new Uint8Array(wire === 5 ? Float32Array.of(value).buffer : Float64Array.of(value).buffer));
  }
  return Uint8Array.from(bytes);
}

export const KINDS = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

export interface TestModel {
  readonly pieces: readonly (readonly [text: string, score: number, kind: keyof typeof KINDS])[];
  /** Fields of the trainer's specification; a model of pairs by default. */
  readonly trainer?: readonly Field[];
  readonly normalizer?: readonly Field[];
  readonly more?: readonly Field[];
}

export const modelFile = ({ pieces, trainer = [[3, 0, 2]], normalizer = [], more = [] }: TestModel): Uint8Array =>
  message([
    ...pieces.map(([text, score, kind]): Field => {
      const fields: Field[] = [
        [1, 2, text],
        [2, 5, score],
      ];
      // SentencePiece does not write a normal piece's kind, which is the default.
      if (kind !== 'normal') fields.push([3, 0, KINDS[kind]]);
      return [1, 2, message(fields)];
    }),
    [2, 2, message(trainer)],
    [3, 2, message(normalizer)],
    ...more,
  ]);

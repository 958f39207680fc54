/**
 * GPT-2's way to write bytes as characters that can be seen, one each: printable ones of Latin-1 stand for themselves, the 68 others
 * follow from U+0100 on, in their order; a blank is thus "Ġ". Its files and Hugging Face's write tokens in it.
 *
 * Source: openai/gpt-2, encoder.py.
 */

const isShown = (byte: number): boolean =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad);

const characters: string[] = [];
const bytes = new Map<string, number>();
let next = 0x100;
for (let byte = 0; byte < 256; byte++) {
  const character = String.fromCharCode(isShown(byte) ? byte : next++);
  characters.push(character);
  bytes.set(character, byte);
}

export function toAlphabet(token: Uint8Array): string {
  let text = '';
  for (const byte of token) text += characters[byte] ?? '';
  return text;
}

/** The bytes that are written so, or null where a character is none of the alphabet's. */
export function fromAlphabet(text: string): Uint8Array | null {
  const token = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const byte = bytes.get(text[i] ?? '');
    if (byte === undefined) return null;
    token[i] = byte;
  }
  return token;
}

/** How long a text is, as tokenizers' figures have it. */

export interface Measured {
  /** Code points. */
  readonly characters: number;
  /** Of UTF-8. */
  readonly bytes: number;
}

const encoder = new TextEncoder();

export function measure(text: string): Measured {
  let characters = text.length;
  for (let i = 0; i + 1 < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0xd800 || unit >= 0xdc00) continue;
    const next = text.charCodeAt(i + 1);
    if (next >= 0xdc00 && next < 0xe000) characters--;
  }
  return { characters, bytes: encoder.encode(text).length };
}

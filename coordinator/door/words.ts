/** Words that pass through the door. */

/** What a stranger says of itself, without what would command a terminal. */
export function plain(text: string): string {
  return text.replaceAll(/\p{C}/gu, '').trim();
}

/** A WebSocket's close reason may have so many bytes. */
const MAX_REASON_BYTES = 123;

export function brief(reason: string): string {
  let cut = reason;
  while (Buffer.byteLength(cut) > MAX_REASON_BYTES) cut = cut.slice(0, -1);
  return cut;
}

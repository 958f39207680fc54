/**
 * Ends a stretch of 256-bit code. What V8 packs leaves the upper halves of the vector registers in use (it emits no
 * VZEROUPPER), and as long as they are, the 128-bit code that all of JavaScript's numbers go through waits for them at every
 * instruction: measured, a loop over floats runs ten times slower. No JavaScript can clear them; native code that itself uses
 * wide registers does when it returns, and Node's isAscii (simdutf) is such code, and short.
 */
import { isAscii } from 'node:buffer';

const text = new Uint8Array(64);

export function clearUpperHalves(): void {
  isAscii(text);
}

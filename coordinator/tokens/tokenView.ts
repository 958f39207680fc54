/** A window of tokens, coloured in turn, one of which can be looked at closely: by pointing at it, or with the arrow keys. */
import { integer } from '../../core/page/format.ts';
import { make, setText } from '../dashboard/dom.ts';
import type { TokenWindow } from './messages.ts';
import { hex, type Piece, piecesOf } from './pieces.ts';

export type Look = 'text' | 'ids';

/** A whole cycle of them; main.css has a colour for each. */
const COLOURS = 6;
/** Bytes of a token that are listed; few have more. */
const MOST_BYTES = 32;

const HINT = 'Point at a token, or go through them with the arrow keys, to see its id and bytes.';

let views = 0;

export class TokenView {
  readonly #box: HTMLElement;
  readonly #detail: HTMLElement;
  readonly #prefix = `tokens-${views++}`;
  #window: TokenWindow | null = null;
  #look: Look = 'text';
  /** Looked at closely, by its place in the window; -1 for none. */
  #active = -1;

  constructor(box: HTMLElement, detail: HTMLElement) {
    this.#box = box;
    this.#detail = detail;
    box.addEventListener('mouseover', ({ target }) => {
      const at = this.#placeOf(target);
      if (at >= 0) this.#tell(at);
    });
    box.addEventListener('mouseleave', () => this.#tell(this.#active));
    box.addEventListener('click', ({ target }) => this.#activate(this.#placeOf(target)));
    box.addEventListener('focus', () => this.#activate(Math.max(0, this.#active)));
    box.addEventListener('keydown', (event) => this.#key(event));
  }

  show(window: TokenWindow, look: Look): void {
    const kept = this.#kept(window, look);
    const isOther = this.#window?.first !== window.first;
    this.#window = window;
    this.#look = look;
    this.#activate(-1);
    if (isOther) this.#box.scrollTop = 0;
    // Most often something has been typed at the end: what is before it stays.
    const last = this.#box.children[kept - 1];
    if (last === undefined) this.#box.replaceChildren();
    else while (last.nextSibling !== null) last.nextSibling.remove();
    const added = document.createDocumentFragment();
    for (let at = kept; at < window.ids.length; at++) added.append(this.#token(window, at, look), SEPARATOR[look]);
    this.#box.append(added);
  }

  clear(): void {
    this.#window = null;
    this.#activate(-1);
    this.#box.replaceChildren();
  }

  /** How many of the tokens that are shown are also the first of another window. */
  #kept(window: TokenWindow, look: Look): number {
    const old = this.#window;
    if (old === null || old.first !== window.first || this.#look !== look) return 0;
    let same = 0;
    const length = Math.min(old.ids.length, window.ids.length);
    while (same < length && old.ids[same] === window.ids[same] && old.ends[same] === window.ends[same]) same++;
    return same;
  }

  #token(window: TokenWindow, at: number, look: Look): HTMLElement {
    const element = make('span', '', 'token');
    element.role = 'option';
    element.id = `${this.#prefix}-${at}`;
    element.dataset.colour = String((window.first + at) % COLOURS);
    if (window.special[at] === 1) element.classList.add('special');
    // Between tokens a line may always end.
    element.append(make('wbr'));
    if (look === 'ids') element.append(String(window.ids[at] ?? 0));
    else for (const piece of piecesOf(bytesAt(window, at))) element.append(...nodes(piece));
    return element;
  }

  #placeOf(target: EventTarget | null): number {
    const element = target instanceof Element ? target.closest('.token') : null;
    return element === null ? -1 : Number(element.id.slice(this.#prefix.length + 1));
  }

  #key(event: KeyboardEvent): void {
    const last = (this.#window?.ids.length ?? 0) - 1;
    const at = new Map([
      ['ArrowLeft', Math.max(0, this.#active - 1)],
      ['ArrowRight', Math.min(last, this.#active + 1)],
      ['Home', 0],
      ['End', last],
    ]).get(event.key);
    if (at === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.#activate(at);
    this.#box.children[at]?.scrollIntoView({ block: 'nearest' });
  }

  #activate(at: number): void {
    const before = this.#box.children[this.#active];
    before?.classList.remove('active');
    before?.removeAttribute('aria-selected');
    const now = this.#box.children[at];
    this.#active = now === undefined ? -1 : at;
    now?.classList.add('active');
    now?.setAttribute('aria-selected', 'true');
    if (now === undefined) this.#box.removeAttribute('aria-activedescendant');
    else this.#box.setAttribute('aria-activedescendant', now.id);
    this.#tell(this.#active);
  }

  #tell(at: number): void {
    const window = this.#window;
    const id = window?.ids[at];
    if (window === null || id === undefined) return setText(this.#detail, HINT);
    const bytes = bytesAt(window, at);
    const listed = Array.from(bytes.subarray(0, MOST_BYTES), hex).join(' ');
    const more = bytes.length > MOST_BYTES ? ' …' : '';
    const length = `${bytes.length} ${bytes.length === 1 ? 'byte' : 'bytes'}`;
    const what = window.special[at] === 1 ? ' · special' : '';
    setText(
      this.#detail,
      `Token ${integer(window.first + at + 1)} of ${integer(window.count)} · id ${id}${what} · ${length}: ${listed}${more}`,
    );
  }
}

/** Ids that are copied must not run together. */
const SEPARATOR: Readonly<Record<Look, string>> = { text: '', ids: ' ' };

const bytesAt = ({ bytes, ends }: TokenWindow, at: number): Uint8Array => bytes.subarray(ends[at - 1] ?? 0, ends[at]);

/** A piece as it stands in the page: marks for what is not seen, and after a line's the next line. */
function nodes(piece: Piece): (Node | string)[] {
  switch (piece.kind) {
    case 'text':
      return [piece.text];
    case 'blanks':
      return [make('span', piece.text, 'mark')];
    case 'tab':
      return [make('span', '→', 'mark'), '\t'];
    case 'lineEnd':
      return [make('span', '↵', 'mark'), '\n'];
    case 'point':
    case 'bytes':
      return [make('span', piece.text, 'mark code')];
    default:
      return piece satisfies never;
  }
}

/** A column of the page: which tokenizer, what it makes of the text, and in what figures. A thread encodes for it. */
import { integer } from '../../core/page/format.ts';
import { setText } from '../dashboard/dom.ts';
import type { Measured } from './measure.ts';
import { type Answer, type Question, type Source, type TokenWindow, WINDOW } from './messages.ts';
import { type Look, TokenView } from './tokenView.ts';

/** A tokenizer that can be chosen. */
export interface Choice {
  /** No other's. */
  readonly key: string;
  readonly name: string;
  readonly source: Source;
}

const NONE = '';
/** Larger files are no tokenizers, and would only fill the memory. */
const MOST_BYTES = 200 * 2 ** 20;

export class Column {
  readonly #root: HTMLElement;
  readonly #select: HTMLSelectElement;
  readonly #view: TokenView;
  #choices: readonly Choice[] = [];
  #chosen: Choice | null = null;
  #encoder: Worker | null = null;
  #isBusy = false;
  /** What is yet to be asked, once the thread has answered. */
  #next: Question | null = null;
  #text = '';
  #measured: Measured = { characters: 0, bytes: 0 };
  #readSpecial = false;
  #look: Look = 'text';
  #window: TokenWindow | null = null;

  /**
   * @param root a copy of the page's template
   * @param mayBeNone whether it may have no tokenizer
   * @param onFile given a tokenizer's file that was put here
   */
  constructor(root: HTMLElement, title: string, mayBeNone: boolean, onFile: (file: File, column: Column) => void) {
    this.#root = root;
    root.setAttribute('aria-label', title);
    this.#select = this.#part('select', HTMLSelectElement);
    this.#view = new TokenView(this.#part('.tokens'), this.#part('.detail'));
    this.#part('.picker > span').textContent = title;
    this.#part('.tokens').setAttribute('aria-label', `Tokens of the ${title.toLowerCase()}`);
    if (mayBeNone) this.#select.append(new Option('None', NONE));
    this.#select.addEventListener('change', () => this.choose(this.#select.value));
    this.#part('.before').addEventListener('click', () => this.#move(-WINDOW));
    this.#part('.after').addEventListener('click', () => this.#move(WINDOW));
    const take = (file: File | undefined) => {
      if (file === undefined) return;
      if (file.size <= MOST_BYTES) onFile(file, this);
      else this.#fail(`${file.name} is too large to be a tokenizer: choose another file.`);
    };
    const input = this.#part('input[type="file"]', HTMLInputElement);
    input.addEventListener('change', () => {
      take(input.files?.[0]);
      // The same file may be chosen again, when it has changed.
      input.value = '';
    });
    root.addEventListener('drop', (event) => take(event.dataTransfer?.files[0]));
  }

  /** More to choose from. */
  offer(choices: readonly Choice[]): void {
    this.#choices = [...this.#choices, ...choices];
    this.#select.append(...choices.map(({ key, name }) => new Option(name, key)));
  }

  choose(key: string): void {
    this.#select.value = key;
    this.#chosen = this.#choices.find((choice) => choice.key === key) ?? null;
    this.#next = null;
    this.#say('');
    this.#empty();
    const { name, source } = this.#chosen ?? {};
    // Of a thread that nobody needs, tokenizer and text go with it. One that is busy may be so for ever, by a pattern that is made to hurt.
    if (source === undefined || this.#isBusy) {
      this.#encoder?.terminate();
      this.#encoder = null;
      this.#isBusy = false;
    }
    if (name === undefined || source === undefined) {
      this.#tell();
      return;
    }
    this.#ask({ open: { name, source }, text: this.#text });
  }

  /** @param caret where in the text it was changed, in UTF-16 units */
  setText(text: string, measured: Measured, caret: number): void {
    this.#text = text;
    this.#measured = measured;
    if (this.#chosen !== null) this.#ask({ text, at: { caret } });
  }

  setReadSpecial(readSpecial: boolean): void {
    this.#readSpecial = readSpecial;
    if (this.#chosen !== null) this.#ask({});
  }

  setLook(look: Look): void {
    this.#look = look;
    if (this.#window !== null) this.#view.show(this.#window, look);
  }

  #move(by: number): void {
    if (this.#window !== null) this.#ask({ at: { first: Math.max(0, this.#window.first + by) } });
  }

  /** Asks the thread, or has it asked when it is free: of what came meanwhile, the last counts. */
  #ask(change: Partial<Question>): void {
    const at = { first: this.#window?.first ?? 0 };
    this.#next = { at, ...this.#next, ...change, readSpecial: this.#readSpecial };
    this.#go();
  }

  #go(): void {
    if (this.#isBusy || this.#next === null) return this.#tell();
    this.#encoder ??= this.#start();
    this.#encoder.postMessage(this.#next);
    this.#next = null;
    this.#isBusy = true;
    this.#tell();
  }

  #start(): Worker {
    const encoder = new Worker('/encoder.js', { type: 'module' });
    encoder.addEventListener('message', ({ data }: MessageEvent<Answer>) => this.#take(data));
    // It has no memory left, say: the next choice has another.
    encoder.addEventListener('error', () => {
      encoder.terminate();
      this.#encoder = null;
      this.#take({ kind: 'failed', sentence: 'the tokenizer has failed: choose it again, or take a shorter text.' });
    });
    return encoder;
  }

  #take(answer: Answer): void {
    this.#isBusy = false;
    // Of a tokenizer that is no longer chosen nothing is shown.
    if (this.#next?.open === undefined) {
      if (answer.kind === 'failed') this.#fail(answer.sentence);
      else {
        this.#say('');
        this.#window = answer.window;
        this.#view.show(answer.window, this.#look);
      }
    }
    this.#go();
  }

  /** Shows no tokens, and why. */
  #fail(sentence: string): void {
    this.#say(sentence);
    this.#empty();
    this.#tell();
  }

  #empty(): void {
    this.#window = null;
    this.#view.clear();
  }

  #say(problem: string): void {
    const element = this.#part('.problem');
    setText(element, problem);
    element.hidden = problem === '';
  }

  #tell(): void {
    const window = this.#window;
    const { characters, bytes } = this.#measured;
    const ratio = (of: number) => (window === null || window.count === 0 ? '–' : (of / window.count).toFixed(2));
    setText(this.#part('.count'), window === null ? '–' : integer(window.count));
    setText(this.#part('.characters'), ratio(characters));
    setText(this.#part('.bytes'), ratio(bytes));
    const after = window === null ? 0 : window.count - window.first - window.ids.length;
    this.#button('.before', window?.first ?? 0, 'before');
    this.#button('.after', after, 'more');
    this.#root.setAttribute('aria-busy', String(this.#isBusy));
    this.#root.classList.toggle('none', this.#chosen === null);
  }

  #button(selector: string, count: number, what: string): void {
    const button = this.#part(selector);
    button.hidden = count === 0;
    setText(button, `… and ${integer(count)} ${what}`);
  }

  #part<T extends HTMLElement = HTMLElement>(selector: string, kind?: new () => T): T {
    const element = this.#root.querySelector<T>(selector);
    if (element === null || (kind !== undefined && !(element instanceof kind)))
      throw new Error(`a column has no ${selector}`);
    return element;
  }
}

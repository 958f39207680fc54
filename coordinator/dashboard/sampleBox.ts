/** Type a prompt, get text from the parameters as they are now; and what the run drew by itself. */
import { $ } from '../../core/page/element.ts';
import type { RunInfo, Sample } from '../../core/protocol/live.ts';
import type { Answer, Request } from './connection.ts';
import { make, setText } from './dom.ts';

export class SampleBox {
  readonly #ask: (request: Request) => Promise<Answer>;
  #shown = '';

  constructor(ask: (request: Request) => Promise<Answer>) {
    this.#ask = ask;
    $<HTMLFormElement>('sample-form').addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#draw();
    });
  }

  setUp({ dataKind }: RunInfo): void {
    const lines = dataKind === 'lines';
    setText($('prompt-label'), lines ? 'Begins with' : 'Prompt');
    $('length-field').hidden = lines;
    $('sample-form').classList.toggle('lines', lines);
  }

  async #draw(): Promise<void> {
    const [prompt, temperature, length] = ['prompt', 'temperature', 'length'].map(
      (id) => $<HTMLInputElement>(id).value,
    ) as [string, string, string];
    const button = $<HTMLButtonElement>('draw');
    button.disabled = true;
    const answer = await this.#ask({
      kind: 'sample',
      prompt,
      temperature: Number(temperature),
      length: Number(length),
    });
    button.disabled = false;
    const drawn = $('drawn');
    drawn.classList.toggle('failed', answer.error !== null);
    if (answer.error !== null || answer.text === null) return setText(drawn, answer.error ?? 'nothing came');
    const rest = answer.text.startsWith(prompt) ? answer.text.slice(prompt.length) : answer.text;
    const given = make('strong', answer.text.slice(0, answer.text.length - rest.length));
    drawn.replaceChildren(given, rest);
  }

  show(samples: readonly Sample[]): void {
    const key = JSON.stringify(samples);
    if (key === this.#shown) return;
    this.#shown = key;
    $('samples').replaceChildren(
      ...samples.toReversed().map(({ step, text }) => {
        const item = make('li');
        item.append(make('span', `step ${step.toLocaleString('en')}`, 'quiet'), make('p', text));
        return item;
      }),
    );
  }
}

/** The page of tokens: a text, and what two tokenizers make of it as one types. */
import { $ } from '../../core/page/element.ts';
import { integer } from '../../core/page/format.ts';
import { setText } from '../dashboard/dom.ts';
import { type Choice, Column } from './column.ts';
import { measure } from './measure.ts';

/** What the dashboard keeps the operator's key under: this page is opened from there. */
const KEY = 'manygrad.key';
/** Where neither the server nor the user prefers others. */
const FIRST = ['gpt2', 'cl100k_base'];

const area = $<HTMLTextAreaElement>('text');
const template = $<HTMLTemplateElement>('column');

const columns = [makeColumn('First tokenizer', false), makeColumn('Second tokenizer', true)];
const [first, second] = columns;

function makeColumn(title: string, mayBeNone: boolean): Column {
  const root = template.content.firstElementChild?.cloneNode(true);
  if (!(root instanceof HTMLElement)) throw new Error('the page has no template of a column');
  $('columns').append(root);
  return new Column(root, title, mayBeNone, (file, column) => void takeFile(file, column));
}

let files = 0;

/** A tokenizer's file of the user's own: both columns may have it, and the one where it was put does. */
async function takeFile(file: File, column: Column): Promise<void> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const choice: Choice = { key: `file ${files++}`, name: file.name, source: { kind: 'file', bytes } };
  for (const each of columns) each.offer([choice]);
  column.choose(choice.key);
}

/** What the server has. */
async function offerServed(): Promise<void> {
  const key = sessionStorage.getItem(KEY) ?? '';
  const headers: Record<string, string> = key === '' ? {} : { authorization: `Bearer ${encodeURIComponent(key)}` };
  const response = await fetch('/tokenizers', { headers }).catch(() => null);
  const problem = $('problem');
  problem.hidden = response?.ok === true;
  if (response?.ok !== true) {
    problem.textContent =
      response?.status === 401
        ? "Away from the machine that runs it, the server's tokenizers need the operator's key: open this page from the dashboard. A file of your own can be opened without."
        : "The server's tokenizers cannot be had: look whether it still runs, then load the page again. A file of your own can be opened all the same.";
    return;
  }
  const list = (await response.json()) as readonly { readonly name: string; readonly path: string }[];
  const choices = list.map(({ name, path }) => ({ key: path, name, source: { kind: 'served', path, key } as const }));
  for (const column of columns) column.offer(choices);
  const own = choices.filter(({ key: path }) => path.startsWith('/tokenizers/own/'));
  const published = FIRST.flatMap((name) => choices.find((choice) => choice.name === name) ?? []);
  const [one, two] = [...own, ...published.filter((choice) => !own.includes(choice))];
  if (one !== undefined) first?.choose(one.key);
  if (two !== undefined) second?.choose(two.key);
}

function takeText(): void {
  const text = area.value;
  const measured = measure(text);
  setText(
    $('measured'),
    `${integer(measured.characters)} ${measured.characters === 1 ? 'character' : 'characters'}, ${integer(measured.bytes)} ${measured.bytes === 1 ? 'byte' : 'bytes'}`,
  );
  for (const column of columns) column.setText(text, measured, area.selectionStart);
}

area.addEventListener('input', takeText);
area.addEventListener('drop', (event) => {
  const file = event.dataTransfer?.files[0];
  if (file === undefined) return;
  void file.text().then((text) => {
    area.value = text;
    area.setSelectionRange(0, 0);
    takeText();
  });
});
$('clear').addEventListener('click', () => {
  area.value = '';
  area.focus();
  takeText();
});

const special = $<HTMLInputElement>('special');
const takeSpecial = () => {
  for (const column of columns) column.setReadSpecial(special.checked);
};
special.addEventListener('change', takeSpecial);

const ids = $<HTMLInputElement>('ids');
const takeLook = () => {
  for (const column of columns) column.setLook(ids.checked ? 'ids' : 'text');
};
ids.addEventListener('change', takeLook);

// A file that is dropped beside its place must not take the page's.
for (const kind of ['dragover', 'drop'] as const)
  addEventListener(kind, (event) => {
    if (event.dataTransfer?.types.includes('Files') === true) event.preventDefault();
  });

takeSpecial();
takeLook();
takeText();
void offerServed();

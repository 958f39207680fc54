/** A few words for the page's elements. Text from elsewhere only ever becomes text. */
import { $ } from '../../core/page/element.ts';

/** Sets text only where it differs: what does not change is not laid out again. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  text = '',
  className = '',
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (text !== '') element.textContent = text;
  if (className !== '') element.className = className;
  return element;
}

/** Asks for confirmation in the page's dialog. */
export function confirmed(question: string, yes: string): Promise<boolean> {
  const dialog = $<HTMLDialogElement>('confirm');
  setText($('confirm-text'), question);
  setText($('confirm-yes'), yes);
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}

let toastTimer: ReturnType<typeof setTimeout> | undefined;

/** Says something for a few seconds. */
export function toast(text: string): void {
  const element = $('toast');
  element.textContent = text;
  element.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => {
    element.hidden = true;
  }, 5000);
}

/** What this browser remembers of its volunteer: a nickname and how much they give. Kept in the browser, never sent but the name. */
import * as z from 'zod';
import type { Settings } from './volunteer.ts';

const NAME = 'manygrad.name';
const SETTINGS = 'manygrad.settings';

const settingsSchema = z.object({
  threads: z.int().min(1),
  duty: z.number().min(0.1).max(1),
  stopOnBattery: z.boolean(),
});

/** All threads but one, which is left to the person. */
const defaults = (): Settings => ({
  threads: Math.max(1, navigator.hardwareConcurrency - 1),
  duty: 1,
  stopOnBattery: true,
});

export function keptSettings(): Settings {
  try {
    const settings = settingsSchema.parse(JSON.parse(read(SETTINGS) ?? ''));
    return { ...settings, threads: Math.min(settings.threads, navigator.hardwareConcurrency) };
  } catch {
    return defaults();
  }
}

export function keepSettings(settings: Settings): void {
  write(SETTINGS, JSON.stringify(settings));
}

/** The nickname, drawn the first time. */
export function keptName(): string {
  return read(NAME) || drawName();
}

export function keepName(name: string): void {
  write(NAME, name);
}

const COLOURS = ['amber', 'azure', 'coral', 'indigo', 'jade', 'olive', 'pearl', 'ruby', 'teal', 'violet'];
const ANIMALS = ['badger', 'crane', 'dolphin', 'falcon', 'gecko', 'heron', 'lynx', 'marten', 'otter', 'wren'];

function drawName(): string {
  const pick = (words: readonly string[]) => words[Math.floor(Math.random() * words.length)] ?? '';
  return `${pick(COLOURS)}-${pick(ANIMALS)}-${Math.floor(Math.random() * 900 + 100)}`;
}

/** Storage may be forbidden; then nothing is remembered. */
function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // As above.
  }
}

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseLines } from '../../core/data/lines.ts';
import { loadLines } from '../../core/data/load.ts';
import { MAX_TEXT_BYTES } from '../../core/data/text.ts';
import { UserError } from '../../core/errors.ts';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'manygrad-data-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function file(name: string, contents: string | Uint8Array): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, contents);
  return path;
}

test('the built-in names', async () => {
  const { lines, name, sha256 } = await loadLines('names');
  expect(name).toBe('names');
  expect(sha256).toBe('c17ccb17bd34a692b6b3424486b179df4cba3e464abec9664ace9698ba9ad153');
  expect(lines.length).toBe(29_693);
  expect(new Set(lines).size).toBe(29_693);
  expect(lines.slice(0, 4)).toEqual(['liam', 'emma', 'noah', 'olivia']);
  expect(lines.every((line) => /^[a-z]{2,15}$/.test(line))).toBe(true);
});

test('a file: carriage returns go, blank lines are skipped but counted, other white space stays', async () => {
  const path = await file('text', '\ufeffemma\r\n\r\n  \t\nolivia \n\nava');
  expect(await loadLines(path)).toEqual({
    kind: 'lines',
    lines: ['emma', 'olivia ', 'ava'],
    numbers: [1, 4, 6],
    name: path,
    sha256: 'ee708c7011044d7c4e0b2371e182fcc179ec31c9ea147e73663a4fd676b2979b',
  });
});

describe('errors', () => {
  const refusal = async (source: string) => {
    const error: unknown = await loadLines(source).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UserError);
    return error instanceof UserError ? error.message : '';
  };
  test('a missing file', async () => {
    expect(await refusal(join(dir, 'none'))).toBe(
      `${join(dir, 'none')} does not exist: give the path of a text file, or "names" or "sonnets" for what is built in.`,
    );
    expect(await refusal(join(await file('plain', 'a'), 'below'))).toContain('does not exist');
  });
  test('a directory', async () => {
    await mkdir(join(dir, 'folder'));
    expect(await refusal(join(dir, 'folder'))).toContain('folder is a directory: give the path of a text file.');
  });
  test('a device', async () => {
    expect(await refusal('/dev/zero')).toBe('/dev/zero is not a file: give the path of a text file.');
  });
  test('an empty file and one of blank lines', async () => {
    expect(await refusal(await file('empty', ''))).toContain('empty is empty: give a text file');
    expect(await refusal(await file('blank', '\r\n  \n\n'))).toContain('blank has only blank lines: give a text file');
  });
  test('not UTF-8', async () => {
    expect(await refusal(await file('latin1', Buffer.from('Zo\xeb', 'latin1')))).toContain(
      'is not valid UTF-8 text: save',
    );
  });
  test('too large', () => {
    expect(() => parseLines(new Uint8Array(MAX_TEXT_BYTES + 1), 'big')).toThrow(/big has 268435457 bytes, more than/);
  });
});

/** `manygrad lecture micrograd` says the lecture's numbers and leaves its pictures. */
import { expect, test } from 'vitest';
import { lecture } from '../../../models/micrograd/lecture.ts';

test('the lecture is told', { timeout: 60_000 }, async () => {
  const said: string[] = [];
  const files = new Map<string, string>();
  await lecture({
    say: (text) => said.push(text),
    file: (name, text) => files.set(name, text),
    lines: () => Promise.reject(new Error('it needs no data')),
    steps: 2,
  });
  const text = said.join('\n');
  for (const shown of ['14, −22, 0', '−3, 2, 1', 'L = d·f = −8', 'a: 6, b: −4', 'o = 0.7071', 'g = 24.7041']) {
    expect(text).toContain(shown);
  }
  expect(text).toContain('a: 138.8338, b: 645.5773');
  expect(text).not.toContain('NaN');
  expect([...files.keys()]).toEqual(['graph.svg', 'neuron.svg', 'neuron-exp.svg', 'moons.svg']);
  for (const svg of files.values()) expect(svg).toContain('<svg');
});

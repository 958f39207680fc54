/** The expression graph: what is in it, and that Graphviz makes a picture of it. */
import { expect, test } from 'vitest';
import { firstExpression } from '../../../models/micrograd/examples.ts';
import { toDot, toSvg } from '../../../models/micrograd/graph.ts';
import { Value } from '../../../models/micrograd/value.ts';

test('boxes, operations and arrows from left to right', () => {
  const { L } = firstExpression();
  L.backward();
  const dot = toDot(L);
  expect(dot).toContain('rankdir=LR');
  for (const box of [
    'a | data 2.0000 | grad 6.0000',
    'e | data -6.0000 | grad -2.0000',
    'L | data -8.0000 | grad 1.0000',
  ]) {
    expect(dot).toContain(`[label="{ ${box} }", shape=record]`);
  }
  expect(dot.match(/shape=record/g)).toHaveLength(7);
  expect(dot.match(/\[label="[*+]"\]/g)).toEqual(['[label="*"]', '[label="+"]', '[label="*"]']);
  // Two arrows into each operation, one out of it.
  expect(dot.match(/->/g)).toHaveLength(9);
});

test('a value used twice has one box and two arrows', () => {
  const a = new Value(3, 'a');
  const dot = toDot(a.add(a));
  expect(dot.match(/shape=record/g)).toHaveLength(2);
  expect(dot.match(/v0 -> v1op/g)).toHaveLength(2);
});

test('Graphviz draws it', async () => {
  const svg = await toSvg(firstExpression().L);
  expect(svg).toContain('<svg');
  expect(svg.match(/class="node"/g)).toHaveLength(10);
  expect(svg).toContain('data 10.0000');
});

test('labels may hold anything', async () => {
  const label = 'a|b {<"\\>} & c';
  const svg = await toSvg(new Value(1, label));
  expect(svg).toContain('a|b');
  expect(svg.match(/class="node"/g)).toHaveLength(1);
});

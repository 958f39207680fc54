/** The picture of an expression: a box for each value, an ellipse for each operation, left to right. Computes nothing. */
import type { Value } from './value.ts';

/** The expression below `root` in Graphviz's language. A value that is used twice by one operation has two arrows to it. */
export function toDot(root: Value): string {
  const order = root.topological();
  const ids = new Map(order.map((value, i) => [value, `v${i}`]));
  const lines: string[] = [];
  for (const value of order) {
    const id = ids.get(value);
    const box = `${escaped(value.label)} | data ${value.data.toFixed(4)} | grad ${value.grad.toFixed(4)}`;
    // In braces, the fields of a record stand side by side when the graph runs from left to right.
    lines.push(`  ${id} [label="{ ${box} }", shape=record];`);
    if (value.op === '') continue;
    // Operations are no values: they are nodes of the picture alone, between a value and what it was made of.
    lines.push(`  ${id}op [label="${value.op}"];`, `  ${id}op -> ${id};`);
    for (const child of value.children) lines.push(`  ${ids.get(child)} -> ${id}op;`);
  }
  return ['digraph {', '  rankdir=LR;', MARGIN, ...lines, '}', ''].join('\n');
}

// Room for a font that is wider than Graphviz thinks.
const MARGIN = '  node [margin="0.2,0.05"];';

/** The same as a picture. Graphviz is a megabyte of WebAssembly, and is loaded when it is first asked for. */
export async function toSvg(root: Value): Promise<string> {
  const { instance } = await import('@viz-js/viz');
  return (await instance()).renderString(toDot(root), { format: 'svg' });
}

/** What means something in a record's label, made plain. */
const escaped = (label: string): string => label.replaceAll(/[\\{}|<>"]/g, '\\$&');

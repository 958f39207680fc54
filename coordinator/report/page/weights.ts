/** What was measured of the parameters: their gradients, and how far updates move them. */
import * as Plot from '@observablehq/plot';
import { make } from '../../dashboard/dom.ts';
import type { Measured, Part } from '../report.ts';
import { drawn, figureOf } from './figure.ts';
import { overlaid } from './histograms.ts';
import { choice, colours, legend, plot, stepSlider, table, told } from './marks.ts';

/** The lecture's: an update of about a thousandth of what it updates. */
const GUIDE = -3;

const ALL = 'all';

/** The same matrix of every layer: h.*.attn.c_attn.weight. */
const kindOf = (name: string): string => name.replaceAll(/(^|\.)\d+(?=\.)/g, '$1*');

export function showWeights(measured: Part<Measured>): void {
  const options = {
    id: 'weights',
    title: 'Gradients of weights',
    says:
      'How the gradient of each weight matrix is distributed, and in the table its spread as a part of the weights’ own: ' +
      'good is a like grad:data for all; a matrix far above the others learns much faster than they do.',
  };
  figureOf(options, measured, (card, { snapshots }) => {
    let at = snapshots.length - 1;
    const controls = make('div', '', 'controls');
    const names = make('div');
    const below = make('div', '', 'below');
    const all = () => (snapshots[at]?.parameters ?? []).filter(({ shape }) => shape.length === 2);
    const kinds = [ALL, ...new Set(all().map(({ name }) => kindOf(name)))];
    let kind = ALL;
    const matrices = () => all().filter(({ name }) => kind === ALL || kindOf(name) === kind);
    const update = () => {
      redraw();
      const shades = colours(matrices().length);
      names.replaceChildren(legend(matrices().map(({ name }, i) => ({ name, colour: shades[i] ?? '' }))));
      below.replaceChildren(
        table(
          ['Parameter', 'Shape', 'Mean', 'Std', 'Gradient std', 'grad:data'],
          (snapshots[at]?.parameters ?? []).map(({ name, shape, mean, std, gradient, gradToData }) => {
            // Of what has no spread there is no ratio.
            const ratio = gradToData === 0 ? '–' : told(gradToData);
            return [name, shape.join(' × '), told(mean), told(std), told(gradient.std), ratio];
          }),
          1,
        ),
      );
    };
    // One matrix a layer can be compared layer by layer; a matrix of every kind is a crowd.
    if (kinds.length > 2)
      controls.append(
        choice('Matrices', kinds, 0, (index) => {
          kind = kinds[index] ?? ALL;
          update();
        }),
      );
    controls.append(
      stepSlider(
        snapshots.map(({ step }) => step),
        at,
        (index) => {
          at = index;
          update();
        },
      ),
    );
    card.append(controls, names);
    const named = () => matrices().map(({ name, gradient }) => ({ name, distribution: gradient }));
    const redraw = drawn(card, (width) => overlaid(width, named(), 'gradient'));
    card.append(below);
    update();
  });
}

export function showUpdates(measured: Part<Measured>): void {
  const options = {
    id: 'updates',
    title: 'Updates against data',
    says:
      'How far each step moves a weight matrix, as a part of its own spread, in powers of ten: good is near −3, about a ' +
      'thousandth; well above, the learning rate is too high, well below it is too low.',
  };
  figureOf(options, measured, (card, { updates: { step, lines } }) => {
    const kinds = [ALL, ...new Set(lines.map(({ name }) => kindOf(name)))];
    let shown = lines;
    const key = make('div');
    const update = () => {
      const shades = colours(shown.length);
      key.replaceChildren(legend(shown.map(({ name }, i) => ({ name, colour: shades[i] ?? '' }))));
      redraw();
    };
    if (kinds.length > 2) {
      const controls = make('div', '', 'controls');
      controls.append(
        choice('Matrices', kinds, 0, (index) => {
          shown = lines.filter(({ name }) => index === 0 || kindOf(name) === kinds[index]);
          update();
        }),
      );
      card.append(controls);
    }
    card.append(key);
    const redraw = drawn(card, (width) => {
      const points = shown.flatMap(({ name, log10 }) =>
        log10.flatMap((value, i) => (value === null ? [] : [{ name, value, step: step[i] ?? 0 }])),
      );
      return plot(width, {
        height: width < 480 ? 260 : 340,
        x: { label: 'step' },
        y: { label: 'log10 of update:data' },
        color: { domain: shown.map(({ name }) => name), range: colours(shown.length) },
        marks: [
          Plot.lineY(points, { x: 'step', y: 'value', z: 'name', stroke: 'name', strokeWidth: 1.5 }),
          ...(step.length === 1 ? [Plot.dot(points, { x: 'step', y: 'value', fill: 'name' })] : []),
          Plot.ruleY([GUIDE], { stroke: 'var(--text)', strokeDasharray: '5 4' }),
          Plot.text([`guide, −3`], {
            ...{ frameAnchor: 'right', y: GUIDE, dy: -8, fill: 'var(--text)', fontWeight: 600 },
            ...{ stroke: 'var(--surface)', strokeWidth: 4 },
          }),
          Plot.tip(
            points,
            Plot.pointer({
              x: 'step',
              y: 'value',
              title: (p: (typeof points)[number]) =>
                `${p.name}\nstep ${p.step.toLocaleString('en')}: 10^${p.value.toFixed(2)}`,
            }),
          ),
        ],
      });
    });
    update();
  });
}

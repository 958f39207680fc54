/** What was measured of the layers: their outputs, the gradients by these, and where tanh is saturated. */
import type { Distribution, LayerRecord } from '../../../core/protocol/diagnostics.ts';
import { make } from '../../dashboard/dom.ts';
import type { Measured, Part } from '../report.ts';
import { drawn, type FigureOptions, figureOf } from './figure.ts';
import { overlaid } from './histograms.ts';
import { choice, colours, legend, stepSlider, table, told } from './marks.ts';

/** The layers to begin with: those that squash, whose spread tells most. */
const PREFERRED = ['Tanh', 'ReLU', 'GELU', 'Linear'];

const ALL = 'all layers';

export function showActivations(measured: Part<Measured>): void {
  overlay(
    {
      id: 'activations',
      title: 'Activations',
      says:
        'How the outputs of each layer are distributed, a line a layer: good is the same moderate spread from the first ' +
        'to the last; a tanh layer that piles up at −1 and 1 hardly learns, and spreads that shrink from layer to layer ' +
        'leave little to work with.',
    },
    measured,
    ({ activation }) => activation,
    'output',
  );
}

export function showGradients(measured: Part<Measured>): void {
  overlay(
    {
      id: 'gradients',
      title: 'Gradients of activations',
      says:
        'How the gradient of the loss by each layer’s output is distributed: good is the same width at every depth; where ' +
        'it narrows towards the first layers gradients vanish, where it widens they explode.',
    },
    measured,
    ({ gradient }) => gradient,
    'gradient',
  );
}

function overlay(
  options: FigureOptions,
  measured: Part<Measured>,
  of: (layer: LayerRecord) => Distribution,
  unit: string,
): void {
  figureOf(options, measured, (card, { snapshots }) => {
    const types = [...new Set(snapshots.flatMap(({ layers }) => layers.map(({ type }) => type)))];
    const kinds = [...types, ALL];
    let kind = Math.max(0, kinds.indexOf(PREFERRED.find((type) => types.includes(type)) ?? ALL));
    let at = snapshots.length - 1;
    const chosen = () =>
      (snapshots[at]?.layers ?? []).filter(({ type }) => kinds[kind] === ALL || type === kinds[kind]);
    const controls = make('div', '', 'controls');
    const names = make('div');
    const below = make('div', '', 'below');
    const update = () => {
      redraw();
      const layers = chosen();
      const shades = colours(layers.length);
      const hasTanh = unit === 'output' && layers.some(({ saturated }) => saturated !== null);
      names.replaceChildren(
        legend(layers.map(({ name, type }, i) => ({ name: `${name} ${type}`, colour: shades[i] ?? '' }))),
      );
      below.replaceChildren(
        table(
          ['Layer', 'Kind', 'Shape', 'Mean', 'Std', ...(hasTanh ? ['Beyond ±0.97'] : [])],
          layers.map((layer) => {
            const { mean, std } = of(layer);
            const saturated = layer.saturated === null ? '–' : `${(100 * layer.saturated).toFixed(1)} %`;
            const shape = layer.shape.join(' × ');
            return [layer.name, layer.type, shape, told(mean), told(std), ...(hasTanh ? [saturated] : [])];
          }),
          2,
        ),
      );
    };
    controls.append(
      choice('Layers', kinds, kind, (index) => {
        kind = index;
        update();
      }),
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
    const named = () => chosen().map((layer) => ({ name: `${layer.name} ${layer.type}`, distribution: of(layer) }));
    const redraw = drawn(card, (width) => overlaid(width, named(), unit));
    card.append(below);
    update();
  });
}

/** Pictures of the tanh layers; nothing where there are none. */
export function showSaturation(measured: Part<Measured>): void {
  const hasImage = (layer: LayerRecord) => layer.image !== null;
  if ('absent' in measured || !measured.found.snapshots.some(({ layers }) => layers.some(hasImage))) return;
  const options = {
    id: 'saturation',
    title: 'Saturated units',
    says:
      'Each row is an example, each column a unit of a tanh layer (the first four are shown), white where its output is beyond ' +
      '±0.99 and passes no gradient: good is mostly black; a column that is white from top to bottom is a dead unit, which never learns.',
  };
  figureOf(options, measured, (card, { snapshots }) => {
    const controls = make('div', '', 'controls');
    const grid = make('div', '', 'images');
    const show = (at: number) =>
      grid.replaceChildren(...(snapshots[at]?.layers ?? []).filter(hasImage).map((layer) => image(layer)));
    controls.append(
      stepSlider(
        snapshots.map(({ step }) => step),
        snapshots.length - 1,
        show,
      ),
    );
    card.append(controls, grid);
    show(snapshots.length - 1);
  });
}

function image({ name, image }: LayerRecord): HTMLElement {
  const box = make('figure');
  const { rows, columns, cells } = image ?? { rows: 1, columns: 1, cells: '0' };
  const canvas = make('canvas');
  canvas.width = columns;
  canvas.height = rows;
  const dead = Array.from({ length: columns }, (_, j) => j).filter((j) => {
    for (let i = 0; i < rows; i++) if (cells[i * columns + j] !== '1') return false;
    return true;
  }).length;
  const white = [...cells].filter((cell) => cell === '1').length / Math.max(1, cells.length);
  const context = canvas.getContext('2d');
  const pixels = context?.createImageData(columns, rows);
  for (let i = 0; i < cells.length && pixels !== undefined; i++)
    pixels.data.set(cells[i] === '1' ? [255, 255, 255, 255] : [24, 26, 34, 255], 4 * i);
  if (pixels !== undefined) context?.putImageData(pixels, 0, 0);
  const says = `${name}: ${(100 * white).toFixed(1)} % beyond ±0.99, ${dead === 0 ? 'no dead unit' : `${dead} dead`}`;
  canvas.role = 'img';
  canvas.ariaLabel = says;
  box.append(canvas, make('figcaption', says, 'quiet'));
  return box;
}

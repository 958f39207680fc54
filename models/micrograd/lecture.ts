/**
 * `manygrad lecture micrograd`: the first lecture told step by step, in its order. What is told is computed in the files
 * beside this one; here are only the words.
 */
import type { Lecture, LectureContext } from '../lecture.ts';
import { classify } from './classifier.ts';
import { firstExpression, neuronExpression, readmeExpression } from './examples.ts';
import { gradcheck, numericGradient } from './gradcheck.ts';
import { toSvg } from './graph.ts';
import { measure, moonsModel, trainMoons } from './moons.ts';
import { makeMoons } from './moonsData.ts';
import { surface } from './surface.ts';
import { Value } from './value.ts';

export const lecture: Lecture = async (context) => {
  derivatives(context);
  await expression(context);
  await neuron(context);
  everything(context);
  classifier(context);
  moons(context);
};

function derivatives({ say }: LectureContext): void {
  say('1. What a derivative is: how the output answers when an input is bumped a little');
  const f = (x: number) => 3 * x ** 2 - 4 * x + 5;
  const slope = (x: number) => numericGradient(([at = 0]) => f(at), [x])[0] ?? Number.NaN;
  say(
    `f(x) = 3x² − 4x + 5, f(3) = ${f(3)}; its slope at 3, −3 and 2/3: ${[3, -3, 2 / 3].map((x) => shown(slope(x), 1)).join(', ')}`,
  );
  const d = numericGradient(([a = 0, b = 0, c = 0]) => a * b + c, [2, -3, 10]);
  say(`d = a·b + c at a = 2, b = −3, c = 10: its slopes by a, b, c: ${d.map((s) => shown(s, 1)).join(', ')}\n`);
}

async function expression({ say, file }: LectureContext): Promise<void> {
  say('2. Backpropagation: the chain rule, from the output back to every input');
  const { a, b, c, d, e, f, L } = firstExpression();
  L.backward();
  say(`e = a·b, d = e + c, L = d·f = ${shown(L.data)}`);
  say(`dL by ${gradients({ L, f, d, c, e, a, b })}`);
  file('graph.svg', await toSvg(L));
  const RATE = 0.01;
  const [a2, b2, c2, f2] = [a, b, c, f].map(({ data, grad }) => data + RATE * grad);
  const nudged = firstExpression({ a: a2 ?? 0, b: b2 ?? 0, c: c2 ?? 0, f: f2 ?? 0 });
  say(`All inputs moved by ${RATE} of their gradients, L goes up: ${shown(nudged.L.data)}`);
  const two = new Value(3, 'a');
  two.add(two).backward();
  say(`b = a + a: a is used twice and its gradients add up: db/da = ${two.grad}\n`);
}

async function neuron({ say, file }: LectureContext): Promise<void> {
  say('3. A neuron, o = tanh(x1·w1 + x2·w2 + b)');
  for (const tanh of ['one node', 'composed'] as const) {
    const { o, x1, w1, x2, w2 } = neuronExpression(tanh);
    o.backward();
    say(
      `tanh ${tanh === 'one node' ? 'as one node' : 'composed of exp'}: o = ${shown(o.data)}, do by ${gradients({ x1, w1, x2, w2 })}`,
    );
    file(tanh === 'one node' ? 'neuron.svg' : 'neuron-exp.svg', await toSvg(o));
  }
  say('');
}

function everything({ say }: LectureContext): void {
  say("4. The README's expression, which uses everything, at a = −4, b = 2");
  const { a, b, g } = readmeExpression();
  g.backward();
  say(`g = ${shown(g.data)}, dg by ${gradients({ a, b })}`);
  const largest = gradcheck(([x, y]) => readmeExpression(x, y).g, [-4, 2]);
  say(`The numeric gradient differs from it by ${largest.toExponential(1)} of its size\n`);
}

function classifier({ say }: LectureContext): void {
  const { model, losses, predictions } = classify();
  say(`5. Four examples, and a perceptron of ${model.parameters().length} parameters: MLP(3, [4, 4, 1])`);
  for (const [step, loss] of losses.entries()) {
    if (step % 5 === 0 || step === losses.length - 1) say(`step ${step}: loss ${shown(loss)}`);
  }
  say(`It says ${predictions.map((y) => shown(y, 3)).join(', ')} and should say 1, −1, −1, 1\n`);
}

function moons({ say, file, steps }: LectureContext): void {
  const model = moonsModel();
  const examples = makeMoons();
  say(
    `6. Two moons, ${examples.length} points, and a perceptron of ${model.parameters().length} parameters: MLP(2, [16, 16, 1])`,
  );
  trainMoons(model, examples, steps, ({ step, loss, accuracy }) => {
    if (step % 10 === 0) say(`step ${step}: loss ${shown(loss)}, accuracy ${percent(accuracy)}`);
  });
  const { loss, accuracy } = measure(model, examples);
  say(`after training: loss ${shown(loss.data)}, accuracy ${percent(accuracy)}`);
  file(
    'moons.svg',
    surface((x) => model.score(x).data, examples),
  );
}

const gradients = (values: Readonly<Record<string, Value>>): string =>
  Object.entries(values)
    .map(([name, { grad }]) => `${name}: ${shown(grad)}`)
    .join(', ');

/** Up to so many decimals, without zeros at the end; what is rounded to 0 has no sign. */
const shown = (value: number, decimals = 4): string => String(Number(value.toFixed(decimals)) + 0).replace('-', '−');

const percent = (part: number): string => `${Math.round(part * 100)} %`;

/** micrograd. */
import { PythonRandom } from '../../core/random/python.ts';
import { classify } from '../../models/micrograd/classifier.ts';
import { firstExpression, neuronExpression, readmeExpression } from '../../models/micrograd/examples.ts';
import { gradcheck } from '../../models/micrograd/gradcheck.ts';
import { toDot, toSvg } from '../../models/micrograd/graph.ts';
import { measure, moonsModel, trainMoons } from '../../models/micrograd/moons.ts';
import { makeMoons } from '../../models/micrograd/moonsData.ts';
import { MLP } from '../../models/micrograd/nn.ts';
import { surface } from '../../models/micrograd/surface.ts';
import { add, div, mul, sub, Value } from '../../models/micrograd/value.ts';
import { allDigits, type Check, digits, fact, type Outcome, quick } from './check.ts';

const command = 'manygrad lecture micrograd';

/** A number that is seen in what the lecture's command says. */
const told = (id: string, what: string, lecture: string, run: () => Outcome, seeds = ''): Check =>
  quick(id, what, lecture, run, { command, seeds });

const neuron = (tanh: 'one node' | 'composed') => (): Outcome => {
  const { o, x1, w1, x2, w2 } = neuronExpression(tanh);
  o.backward();
  return allDigits('0.7071, −1.5, 1.0, 0.5, 0', [o.data, x1.grad, w1.grad, x2.grad, w2.grad]);
};

/** The moons after training, which two checks look at. */
const moons = () => {
  trained ??= trainedMoons();
  return trained;
};

const trainedMoons = () => {
  const [model, examples] = [moonsModel(), makeMoons()];
  return { model, examples, steps: trainMoons(model, examples) };
};

let trained: ReturnType<typeof trainedMoons> | undefined;

/** Every operation, numbers on either side of those that take two. */
const everything = ([x, y]: readonly Value[]): Value => {
  const either = add(2, x.add(3))
    .mul(sub(1, y.sub(2)))
    .add(mul(2, y.mul(3)).div(div(4, x.div(5))));
  return either.add(x.mul(y).neg()).add(x.pow(3)).add(x.exp()).add(y.tanh()).add(x.relu()).add(y.relu());
};

/** Whether a value is refused as an exponent, as it is in the lecture. */
const refusesExponent = (): boolean => {
  try {
    new Value(2).pow(new Value(3) as unknown as number);
    return false;
  } catch (error) {
    return error instanceof TypeError;
  }
};

const NEURON = 'the output, and its gradients by x1, w1, x2, w2';

export const section1: readonly Check[] = [
  told(
    '1-operations',
    'add, mul, neg, sub, pow, div, exp, tanh, relu, numbers on either side: gradients against numeric ones, largest relative difference; an exponent that is a value',
    'as the definition says; refused',
    () => {
      const largest = gradcheck(everything, [1.3, -0.7]);
      const refused = refusesExponent();
      return fact(`${largest.toExponential(1)}; ${refused ? 'refused' : 'taken'}`, largest < 1e-8 && refused);
    },
  ),
  told('1-accumulate', 'b = a + a: the gradient of a', '2', () => {
    const a = new Value(3);
    a.add(a).backward();
    return digits('2', a.grad);
  }),
  quick('1-million', 'a chain of a million values: backpropagation reaches its beginning', 'no overflow', () => {
    const x = new Value(1);
    let end = x;
    for (let i = 0; i < 1_000_000; i++) end = end.add(1);
    end.backward();
    return fact(`${end.data.toLocaleString('en')}; gradient ${x.grad}`, end.data === 1_000_001 && x.grad === 1);
  }),
  told('1-readme', "the README's expression and its gradients by a and b", '24.7041, 138.8338, 645.5773', () => {
    const { a, b, g } = readmeExpression();
    g.backward();
    return allDigits('24.7041, 138.8338, 645.5773', [g.data, a.grad, b.grad]);
  }),
  told('1-first', 'L = d · f, and its gradients by f, d, c, e, a, b', '−8, 4, −2, −2, −2, 6, −4', () => {
    const { a, b, c, d, e, f, L } = firstExpression();
    L.backward();
    return allDigits('−8, 4, −2, −2, −2, 6, −4', [L.data, ...[f, d, c, e, a, b].map(({ grad }) => grad)]);
  }),
  told('1-neuron', `a neuron, tanh as one node: ${NEURON}`, '0.7071, −1.5, 1.0, 0.5, 0', neuron('one node')),
  told('1-neuron-exp', `a neuron, tanh composed of exp: ${NEURON}`, '0.7071, −1.5, 1.0, 0.5, 0', neuron('composed')),
  told('1-parameters', 'parameters of MLP(3, [4, 4, 1])', '41', () =>
    digits('41', new MLP(3, [4, 4, 1], new PythonRandom(1337)).parameters().length),
  ),
  told(
    '1-classifier',
    'the classifier of four examples: steps to a loss below 0.01',
    '20 to 100',
    () => {
      const { losses } = classify();
      const [steps, loss] = [losses.length - 1, losses.at(-1) ?? Number.NaN];
      return fact(`${steps} (${loss.toFixed(4)})`, loss < 0.01 && steps >= 20 && steps <= 100, { steps, loss });
    },
    '1337',
  ),
  told(
    '1-moons',
    "two moons, hinge loss and L2, decaying rate, 100 steps: accuracy, and the repository's losses at steps 0, 1 and 99",
    '100 %; 0.895844, 1.723591, 0.010978',
    () => {
      const { model, examples, steps } = moons();
      const { accuracy } = measure(model, examples);
      const losses = allDigits(
        '0.895844, 1.723591, 0.010978',
        [0, 1, 99].map((step) => steps[step]?.loss ?? Number.NaN),
      );
      return fact(`${accuracy * 100} %; ${losses.ours}`, accuracy === 1 && losses.holds);
    },
    '1337',
  ),
  told(
    '1-surface',
    'the decision surface of the two moons drawn',
    'two regions, 100 points',
    () => {
      const { model, examples } = moons();
      const svg = surface((x) => model.score(x).data, examples);
      const regions = new Set(svg.match(/(?<=height="15\.0" fill=")[^"]+/g)).size;
      const points = svg.match(/stroke="white"/g)?.length ?? 0;
      return fact(`${regions} regions, ${points} points`, regions === 2 && points === 100);
    },
    '1337',
  ),
  quick(
    '1-graph',
    'the expression graph of L: values, operations, left to right',
    '7 boxes, 3 operations',
    async () => {
      const { L } = firstExpression();
      L.backward();
      const [dot, svg] = [toDot(L), await toSvg(L)];
      const boxes = dot.match(/label="\{ \w+ \| data -?\d+\.\d{4} \| grad -?\d+\.\d{4} \}"/g)?.length ?? 0;
      const operations = dot.match(/label="[*+]"/g)?.length ?? 0;
      const drawn = svg.match(/class="node"/g)?.length ?? 0;
      const holds = boxes === 7 && operations === 3 && drawn === 10 && dot.includes('rankdir=LR');
      return fact(`${boxes} boxes, ${operations} operations`, holds);
    },
    { command },
  ),
  told(
    '1-gradcheck',
    "the README's gradients against numeric ones: the largest relative difference",
    'none seen',
    () => {
      const largest = gradcheck(([x, y]) => readmeExpression(x, y).g, [-4, 2]);
      return fact(largest.toExponential(1), largest < 1e-8, { largest });
    },
  ),
];

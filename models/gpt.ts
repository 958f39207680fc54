/**
 * The transformer of "Let's build GPT" and "Let's reproduce GPT-2" (Radford et al., 2019), its modules named as in the
 * Hugging Face checkpoint: wte, wpe, h.0.ln_1, h.0.attn.c_attn, ..., ln_f; the head is tied to wte.
 *
 * Weights are [out, in] as torch.nn.Linear keeps them; the checkpoint's Conv1D weights are these, transposed.
 */
import * as z from 'zod';
import { Dropout, Embedding, GELU, init, LayerNorm, Linear, Module } from '../core/nn/index.ts';
import { add, causalSelfAttention, linear, narrow, type Tensor } from '../core/tensor/index.ts';

export const gptSchema = z.strictObject({
  vocabSize: z.int().positive(),
  /** The longest context, in tokens. */
  blockSize: z.int().positive(),
  layers: z.int().positive(),
  heads: z.int().positive(),
  embeddingDim: z.int().positive(),
  dropout: z.number().min(0).lt(1).default(0),
});

/** What the sizes must satisfy together. Applied last, where the schema has all its fields: zod extends no refined one. */
export const headsFit = {
  check: ({ heads, embeddingDim }: { heads: number; embeddingDim: number }) => embeddingDim % heads === 0,
  params: { path: ['heads'], error: 'must divide embeddingDim, of which every head has an equal part' },
};

type GPTConfig = z.infer<typeof gptSchema>;

/** N(0, 0.02), GPT-2's. Projections into the residual stream are narrower by the root of their number. */
const NARROW = 0.02;

/** Multi-head causal self-attention: every position mixes in what it finds of interest at those before it. */
class CausalSelfAttention extends Module {
  readonly heads: number;
  /** Queries, keys and values of all heads in one product. */
  readonly c_attn: Linear;
  readonly c_proj: Linear;
  readonly resid_dropout: Dropout;

  constructor({ embeddingDim, heads, layers, dropout }: GPTConfig) {
    super();
    this.heads = heads;
    this.c_attn = new Linear(embeddingDim, 3 * embeddingDim, { init: init.normal(0, NARROW), biasInit: init.zeros });
    this.c_proj = new Linear(embeddingDim, embeddingDim, {
      init: init.normal(0, NARROW / Math.sqrt(2 * layers)),
      biasInit: init.zeros,
    });
    this.resid_dropout = new Dropout(dropout);
  }

  override forward(x: Tensor): Tensor {
    const mixed = causalSelfAttention(this.c_attn.forward(x), this.heads);
    return this.resid_dropout.forward(this.c_proj.forward(mixed));
  }
}

/** Every position thinks about what it has gathered: four times wider, and back. */
class MLP extends Module {
  readonly c_fc: Linear;
  readonly gelu = new GELU({ approximate: 'tanh' });
  readonly c_proj: Linear;
  readonly dropout: Dropout;

  constructor({ embeddingDim, layers, dropout }: GPTConfig) {
    super();
    this.c_fc = new Linear(embeddingDim, 4 * embeddingDim, { init: init.normal(0, NARROW), biasInit: init.zeros });
    this.c_proj = new Linear(4 * embeddingDim, embeddingDim, {
      init: init.normal(0, NARROW / Math.sqrt(2 * layers)),
      biasInit: init.zeros,
    });
    this.dropout = new Dropout(dropout);
  }

  override forward(x: Tensor): Tensor {
    return this.dropout.forward(this.c_proj.forward(this.gelu.forward(this.c_fc.forward(x))));
  }
}

/** Communication, then computation, each added to the residual stream and each behind a layer norm. */
class Block extends Module {
  readonly ln_1: LayerNorm;
  readonly attn: CausalSelfAttention;
  readonly ln_2: LayerNorm;
  readonly mlp: MLP;

  constructor(config: GPTConfig) {
    super();
    this.ln_1 = new LayerNorm(config.embeddingDim);
    this.attn = new CausalSelfAttention(config);
    this.ln_2 = new LayerNorm(config.embeddingDim);
    this.mlp = new MLP(config);
  }

  override forward(x: Tensor): Tensor {
    const gathered = add(x, this.attn.forward(this.ln_1.forward(x)));
    return add(gathered, this.mlp.forward(this.ln_2.forward(gathered)));
  }
}

/** Token ids [N, T ≤ blockSize] → logits [N, T, vocabSize]. */
export class GPT extends Module {
  readonly wte: Embedding;
  readonly wpe: Embedding;
  readonly drop: Dropout;
  readonly h: readonly Block[];
  readonly ln_f: LayerNorm;

  constructor(config: GPTConfig) {
    super();
    const { vocabSize, blockSize, embeddingDim, layers, dropout } = config;
    this.wte = new Embedding(vocabSize, embeddingDim, { init: init.normal(0, NARROW) });
    this.wpe = new Embedding(blockSize, embeddingDim, { init: init.normal(0, NARROW) });
    this.drop = new Dropout(dropout);
    this.h = Array.from({ length: layers }, () => new Block(config));
    this.ln_f = new LayerNorm(embeddingDim);
  }

  override forward(ids: Tensor): Tensor {
    const positions = narrow(this.wpe.weight, 0, 0, ids.shape[1] ?? 0);
    const x = this.drop.forward(add(this.wte.forward(ids), positions));
    const out = this.h.reduce((stream, block) => block.forward(stream), x);
    // The head is the embedding's own table: a token's logit is how well its row fits.
    return linear(this.ln_f.forward(out), this.wte.weight, null);
  }
}

/** Context ids [N, T] → logits [N, T, vocabSize]. */
export function gpt(config: GPTConfig): GPT {
  return new GPT(config);
}

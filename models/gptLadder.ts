/**
 * "Let's build GPT", rung by rung: from the bigram table to the transformer, each rung the one before and one idea more.
 * Written out as in the lecture, a head at a time; gpt.ts is the same network fused, and GPT-2's.
 */
import * as z from 'zod';
import { Dropout, Embedding, LayerNorm, Linear, Module, ReLU, Sequential } from '../core/nn/index.ts';
import {
  add,
  cat,
  intTensor,
  maskedFill,
  matmul,
  mul,
  narrow,
  softmax,
  type Tensor,
  transpose,
} from '../core/tensor/index.ts';

/** The rungs, lowest first. */
export const RUNGS = ['bigram', 'head', 'heads', 'feed-forward', 'residual', 'layer-norm'] as const;

export const gptLadderSchema = z.strictObject({
  vocabSize: z.int().positive(),
  blockSize: z.int().positive(),
  rung: z.enum(RUNGS),
  /** Blocks, from the rung `residual` on. */
  layers: z.int().positive(),
  /** Heads, from the rung `heads` on; they must divide embeddingDim. */
  heads: z.int().positive(),
  embeddingDim: z.int().positive(),
  dropout: z.number().min(0).lt(1).default(0),
});

type LadderConfig = z.infer<typeof gptLadderSchema>;

const reaches = (config: LadderConfig, rung: (typeof RUNGS)[number]): boolean =>
  RUNGS.indexOf(config.rung) >= RUNGS.indexOf(rung);

/** Token ids [N, T ≤ blockSize] → logits [N, T, vocabSize]. */
export function gptLadder(config: LadderConfig): Module {
  return config.rung === 'bigram' ? new BigramLanguageModel(config.vocabSize) : new GPTLanguageModel(config);
}

/** Rung 1: a token's row of the table is the logits of the next. */
class BigramLanguageModel extends Module {
  readonly token_embedding_table: Embedding;

  constructor(vocabSize: number) {
    super();
    this.token_embedding_table = new Embedding(vocabSize, vocabSize);
  }

  override forward(idx: Tensor): Tensor {
    return this.token_embedding_table.forward(idx);
  }
}

/** Scores [N, T, T] → weights: no position sees what comes after it, and each row sums to 1. */
class AttentionWeights extends Module {
  override forward(scores: Tensor): Tensor {
    const T = scores.shape.at(-1) ?? 0;
    const future = intTensor(
      scores.backend,
      Int32Array.from({ length: T * T }, (_, i) => (i % T > Math.floor(i / T) ? 1 : 0)),
      [T, T],
    );
    return softmax(maskedFill(scores, future, Number.NEGATIVE_INFINITY));
  }
}

/** Rung 2: one head of self-attention. */
class Head extends Module {
  readonly key: Linear;
  readonly query: Linear;
  readonly value: Linear;
  readonly weights = new AttentionWeights();
  readonly dropout: Dropout;
  /** Keeps the scores' variance at 1, whatever the head's size. */
  readonly scale: number;

  constructor({ embeddingDim, dropout }: LadderConfig, headSize: number) {
    super();
    this.key = new Linear(embeddingDim, headSize, { bias: false });
    this.query = new Linear(embeddingDim, headSize, { bias: false });
    this.value = new Linear(embeddingDim, headSize, { bias: false });
    this.dropout = new Dropout(dropout);
    this.scale = headSize ** -0.5;
  }

  override forward(x: Tensor): Tensor {
    const [k, q, v] = [this.key.forward(x), this.query.forward(x), this.value.forward(x)];
    const scores = mul(matmul(q, transpose(k, -2, -1)), this.scale);
    return matmul(this.dropout.forward(this.weights.forward(scores)), v);
  }
}

/** Rung 3: several heads side by side. From the residual rung on their outputs are projected back into the stream. */
class MultiHeadAttention extends Module {
  readonly heads: readonly Head[];
  readonly proj: Linear | null;
  readonly dropout: Dropout;

  constructor(config: LadderConfig) {
    super();
    const { embeddingDim, heads, dropout } = config;
    this.heads = Array.from({ length: heads }, () => new Head(config, embeddingDim / heads));
    this.proj = reaches(config, 'residual') ? new Linear(embeddingDim, embeddingDim) : null;
    this.dropout = new Dropout(dropout);
  }

  override forward(x: Tensor): Tensor {
    const out = cat(
      this.heads.map((head) => head.forward(x)),
      -1,
    );
    return this.proj === null ? out : this.dropout.forward(this.proj.forward(out));
  }
}

/** Rung 4: time to think about what was gathered, each position by itself. From the residual rung on four times wider inside. */
function feedForward(config: LadderConfig): Sequential {
  const { embeddingDim, dropout } = config;
  return reaches(config, 'residual')
    ? new Sequential(
        new Linear(embeddingDim, 4 * embeddingDim),
        new ReLU(),
        new Linear(4 * embeddingDim, embeddingDim),
        new Dropout(dropout),
      )
    : new Sequential(new Linear(embeddingDim, embeddingDim), new ReLU());
}

/** Rungs 5 and 6: communication, then computation, each added to the stream; at last each behind a layer norm. */
class Block extends Module {
  readonly sa: MultiHeadAttention;
  readonly ffwd: Sequential;
  readonly ln1: LayerNorm | null;
  readonly ln2: LayerNorm | null;

  constructor(config: LadderConfig) {
    super();
    const normed = reaches(config, 'layer-norm');
    this.sa = new MultiHeadAttention(config);
    this.ffwd = feedForward(config);
    this.ln1 = normed ? new LayerNorm(config.embeddingDim) : null;
    this.ln2 = normed ? new LayerNorm(config.embeddingDim) : null;
  }

  override forward(x: Tensor): Tensor {
    const gathered = add(x, this.sa.forward(this.ln1?.forward(x) ?? x));
    return add(gathered, this.ffwd.forward(this.ln2?.forward(gathered) ?? gathered));
  }
}

/** What stands between the embeddings and the head, at each rung. */
function body(config: LadderConfig): Sequential {
  const { rung, layers, embeddingDim } = config;
  switch (rung) {
    case 'bigram':
      return new Sequential();
    case 'head':
      return new Sequential(new Head(config, embeddingDim));
    case 'heads':
      return new Sequential(new MultiHeadAttention(config));
    case 'feed-forward':
      return new Sequential(new MultiHeadAttention(config), feedForward(config));
    case 'residual':
      return new Sequential(...Array.from({ length: layers }, () => new Block(config)));
    case 'layer-norm':
      return new Sequential(
        ...Array.from({ length: layers }, () => new Block(config)),
        // The last norm before the head.
        new LayerNorm(embeddingDim),
      );
    default:
      return rung satisfies never;
  }
}

/** From rung 2 on: what a token is and where it stands, added; the rung's body; a linear layer to logits. */
class GPTLanguageModel extends Module {
  readonly token_embedding_table: Embedding;
  readonly position_embedding_table: Embedding;
  readonly blocks: Sequential;
  readonly lm_head: Linear;

  constructor(config: LadderConfig) {
    super();
    const { vocabSize, blockSize, embeddingDim } = config;
    this.token_embedding_table = new Embedding(vocabSize, embeddingDim);
    this.position_embedding_table = new Embedding(blockSize, embeddingDim);
    this.blocks = body(config);
    this.lm_head = new Linear(embeddingDim, vocabSize);
  }

  override forward(idx: Tensor): Tensor {
    const positions = narrow(this.position_embedding_table.weight, 0, 0, idx.shape[1] ?? 0);
    const x = add(this.token_embedding_table.forward(idx), positions);
    return this.lm_head.forward(this.blocks.forward(x));
  }
}

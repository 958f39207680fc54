/** The formats that a tokenizer can be written in, by the names that the command line gives them. By itself, since flags load nothing else. */
export const FORMATS = ['manygrad', 'huggingface', 'minbpe', 'tiktoken', 'gpt2'] as const;
export type Format = (typeof FORMATS)[number];

/** What runs in a thread of tokenizers.ts: makes the published tokenizer that it is named, and hands its description back. */
import { parentPort, workerData } from 'node:worker_threads';
import { publishedTokenizer } from '../../core/tokenizer/published.ts';
import { packTokenizer } from './packTokenizer.ts';

parentPort?.postMessage(await packTokenizer(await publishedTokenizer(String(workerData))));

/**
 * Lists of numbers in what a stranger wrote, checked as one: wrong at the first wrong number.
 *
 * zod's own arrays make a note of a kilobyte or so on every wrong element, so that a header of 70 KB could cost 130 MB.
 */
import * as z from 'zod';

export const count = z.int().nonnegative();

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

/** `count`s, from `min` to `max` of them. */
export const counts = (min: number, max: number): z.ZodType<number[]> => list(isCount, min, max);

/** Finite numbers, `max` at most. */
export const numbers = (max: number): z.ZodType<number[]> => list(Number.isFinite, 0, max);

const list = (isGood: (value: unknown) => boolean, min: number, max: number): z.ZodType<number[]> =>
  z.custom<number[]>(
    (value) => Array.isArray(value) && value.length >= min && value.length <= max && value.every(isGood),
    `Invalid input: expected a list of ${min} to ${max} numbers`,
  );

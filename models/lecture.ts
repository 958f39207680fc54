/** What a lecture's own experiments (`manygrad lecture`) are given: a place to speak, and one to leave pictures. */
export interface LectureContext {
  /** A line for the reader. */
  say(text: string): void;
  /** Leaves a file (a picture, a page) in the lecture's folder, and says so. */
  file(name: string, text: string): void;
  /** The lines of the data: `--data`, or the built-in names. */
  lines(): Promise<readonly string[]>;
  /** `--steps`, where the lecture trains something and it was given. */
  readonly steps: number | undefined;
}

/** One lecture's experiments, in the lecture's order. @throws UserError */
export type Lecture = (context: LectureContext) => Promise<void>;

/**
 * Where the page bundler puts a run's user-defined model, registered, so that a tab can build it: a page may not run code that
 * comes as text. As it stands there is none.
 */
export {};

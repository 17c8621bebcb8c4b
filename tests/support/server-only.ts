/** Stands for the package `server-only`, whose import is an error outside Next's server build. */
export {};

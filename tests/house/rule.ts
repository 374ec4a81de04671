import type { Tree } from './tree.ts'

/** A place where a rule is broken. */
export interface Offence {
  /** Relative to the repository. */
  readonly path: string
  /** From 1. */
  readonly line: number
  readonly what: string
}

/**
 * A rule of the house, checked over all files at once.
 *
 * `example` is the rule's own test: files that break it, and every offence it must report about
 * them. Without one a rule that stopped working would look like a rule that everybody keeps.
 */
export interface Rule {
  /** What holds when there is no offence, as the title of a test. */
  readonly says: string
  readonly check: (tree: Tree) => readonly Offence[]
  readonly example: {
    readonly files: Readonly<Record<string, string>>
    readonly offences: readonly string[]
  }
}

/** An offence as editors and terminals link it: `path:line: what`. */
export function printOffence(offence: Offence): string {
  return `${offence.path}:${offence.line}: ${offence.what}`
}

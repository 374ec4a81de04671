import { stripVTControlCharacters } from 'node:util'

/** How many tests ended how. */
export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** The counts of a run in which nothing ended. */
export const noCounts: Counts = { passed: 0, failed: 0, skipped: 0 }

/** The counts of two runs together. */
export function addCounts(left: Counts, right: Counts): Counts {
  return {
    passed: left.passed + right.passed,
    failed: left.failed + right.failed,
    skipped: left.skipped + right.skipped,
  }
}

/** The counts as a person reads them. */
export function printCounts(counts: Counts): string {
  return `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`
}

const closingLine = /^\W*(tests|pass|fail|cancelled|skipped|todo) (\d+)$/gm

/**
 * Reads the counts from the lines with which node:test closes a run.
 *
 * A cancelled test counts as failed: nobody saw it pass. One marked to do counts as skipped.
 *
 * @param output - the end of what the run printed, colours allowed; the last lines count, so a
 *   test that prints such lines itself does no harm.
 * @returns `undefined` when the run ended before it could close.
 */
export function parseClosingLines(output: string): Counts | undefined {
  const found = new Map<string, number>()
  for (const match of stripVTControlCharacters(output).matchAll(closingLine)) {
    found.set(match[1] ?? '', Number(match[2]))
  }
  const [tests, passed, failed] = [found.get('tests'), found.get('pass'), found.get('fail')]
  if (tests === undefined || passed === undefined || failed === undefined) return undefined
  return {
    passed,
    failed: failed + (found.get('cancelled') ?? 0),
    skipped: (found.get('skipped') ?? 0) + (found.get('todo') ?? 0),
  }
}

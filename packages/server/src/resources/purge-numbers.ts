import type { WatchedNumber } from '../foundation/metrics.ts'
import type { PurgeTotals } from './purge.ts'

/** The totals as numbers for operators. */
export function purgeNumbers(totals: Readonly<PurgeTotals>): readonly WatchedNumber[] {
  const counter = (name: string, help: string, read: () => number): WatchedNumber => ({
    name: `parley_purge_${name}_total`,
    help,
    type: 'counter',
    read,
  })
  return [
    {
      name: 'parley_purge_unfinished',
      help: 'Deleted resources of which rows are left.',
      type: 'gauge',
      read: () => totals.unfinished,
    },
    counter('finished', 'Deleted resources purged.', () => totals.finished),
    counter('identities', 'Identities of deleted resources purged.', () => totals.identities),
    counter('tokens', 'Ledger rows of deleted resources purged.', () => totals.tokens),
    counter('worked_seconds', 'Time in batches of purges.', () => totals.workedMs / 1000),
    counter('rested_seconds', 'Time of rest between batches.', () => totals.restedMs / 1000),
  ]
}

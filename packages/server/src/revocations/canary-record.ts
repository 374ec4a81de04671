import { createHistogram } from '../foundation/histogram.ts'
import type { Watched } from '../foundation/metrics.ts'

/**
 * What a canary can die of: it was not issued, a node did not accept it, it was not revoked, a node
 * accepted it after that, or this node had no lease.
 */
export type CanaryStage = 'issue' | 'accept' | 'revoke' | 'refuse' | 'lease'

const stages: readonly CanaryStage[] = ['issue', 'accept', 'revoke', 'refuse', 'lease']

/** How the canaries of a node fared. */
export interface CanaryRecord {
  /** Notes a canary that was issued, accepted, revoked and refused by this node. */
  readonly passed: (durationMs: number) => void
  /** Notes that this node has refused the canary of another one, after its revocation. */
  readonly witnessed: () => void
  readonly failed: (stage: CanaryStage) => void
  /** Time since one last fared well as far as this node knows; infinite before the first. */
  readonly ageMs: () => number
  readonly watched: readonly Watched[]
}

const boundsMs = [1, 2, 5, 10, 20, 50, 100, 250, 500, 1000, 2000, 5000]

/** Creates a record. @param monotonicNow - the node's own clock, milliseconds. */
export function createCanaryRecord(monotonicNow: () => number): CanaryRecord {
  const rounds = createHistogram(boundsMs)
  const failures = new Map(stages.map((stage) => [stage, 0]))
  let witnessedCount = 0
  let lastAtMs = Number.NEGATIVE_INFINITY
  return {
    passed(durationMs) {
      rounds.observe(durationMs)
      lastAtMs = monotonicNow()
    },
    witnessed() {
      witnessedCount += 1
      lastAtMs = monotonicNow()
    },
    failed: (stage) => failures.set(stage, (failures.get(stage) ?? 0) + 1),
    ageMs: () => monotonicNow() - lastAtMs,
    watched: [
      {
        name: 'parley_canary_passed_total',
        help: 'Canaries of this node that were issued, accepted, revoked and refused.',
        type: 'counter',
        read: () => rounds.counted.count,
      },
      {
        name: 'parley_canary_witnessed_total',
        help: 'Canaries of other nodes that this node accepted, and refused once revoked.',
        type: 'counter',
        read: () => witnessedCount,
      },
      {
        name: 'parley_canary_failures_total',
        help: 'Canaries that failed on this node; refuse: a revoked one was accepted.',
        type: 'counter',
        read: () => [...failures].map(([stage, value]) => ({ labels: { stage }, value })),
      },
      {
        name: 'parley_canary_age_seconds',
        help: 'Time since a canary last fared well, as far as this node knows.',
        type: 'gauge',
        read: () => (monotonicNow() - lastAtMs) / 1000,
      },
      {
        name: 'parley_canary_duration_seconds',
        help: 'Time from issuing a canary until it is refused.',
        type: 'histogram',
        histogram: rounds,
      },
    ],
  }
}

import type { SyncVerifier } from '@parley/verifier/node'
import { serverLimits } from '../contract/limits.ts'
import type { Queries } from '../database/connect.ts'
import { isCutOffEvent } from '../events/model.ts'
import { readCutOffs } from '../events/store.ts'
import type { Follower } from '../events/tail.ts'

/**
 * Keeps a verifier informed of whatever is cut off from now on.
 *
 * @param reload - has the verifier apply all cut-offs that there are.
 *
 * What it knows to be void stays so, also where another log does not say it: a standby that was
 * promoted without some revocations must not bring their tokens back to life.
 */
export function followCutOffs(verifier: SyncVerifier, reload: () => Promise<void>): Follower {
  return {
    reload,
    apply: (event) => {
      if (isCutOffEvent(event)) verifier.apply(event)
      return undefined
    },
  }
}

/**
 * Tells a verifier of everything that was cut off so far, a page at a time. Cut-offs only rise:
 * what the feed brings again, or brings meanwhile, does no harm.
 */
export async function loadCutOffs(
  db: Queries,
  verifier: SyncVerifier,
  nowMs: number,
): Promise<void> {
  const eventsMax = serverLimits.cutOffsInPageMax
  for (let afterSeq: number | undefined = 0; afterSeq !== undefined; ) {
    const { cutOffs, nextAfterSeq } = await readCutOffs(db, { afterSeq, nowMs, eventsMax })
    for (const cutOff of cutOffs) verifier.apply(cutOff)
    afterSeq = nextAfterSeq
  }
}

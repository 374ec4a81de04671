import { serverLimits } from '../../contract/limits.ts'
import type { Chain } from './chain.ts'

/** The verifiers that follow over the broker, as far as a node knows of them: their resources. */
export interface BrokerFollowers {
  /** Takes a call of a follower; gives what answers it, or nothing where this node cannot. */
  readonly call: (resourceId: string, text: string) => string | undefined
  /** The heartbeat of each resource that somebody follows; none while nothing can be promised. */
  readonly beat: () => readonly { readonly resourceId: string; readonly text: string }[]
}

/** What heartbeats are made of. */
export interface BrokerFollowersOptions {
  /** Which node's clock it is. */
  readonly nodeName: string
  readonly chain: Pick<Chain, 'seq' | 'headOf'>
  /** Of the log that numbers are numbers of. */
  readonly logName: () => string
  /** Whether this node may promise anything at this moment. */
  readonly isCurrent: () => boolean
  /** Whether a resource is one of this installation: of others nothing can be said. */
  readonly isResource: (resourceId: string) => boolean
  /** The node's own clock, milliseconds. */
  readonly monotonicNow: () => number
}

const terms = {
  /** Followers call every two seconds; so long after the last call nobody is there any more. */
  interestMs: 10_000,
  resourcesMax: serverLimits.streamsMax,
}

/** Creates a register of followers. */
export function createBrokerFollowers(options: BrokerFollowersOptions): BrokerFollowers {
  const { nodeName: node, chain, isCurrent, isResource, monotonicNow } = options
  const calledAtMs = new Map<string, number>()
  return {
    call(resourceId, call) {
      const isRoom = calledAtMs.has(resourceId) || calledAtMs.size < terms.resourcesMax
      if (call.length > 20 || !isRoom || !isResource(resourceId)) return undefined
      const atMs = monotonicNow()
      calledAtMs.set(resourceId, atMs)
      return JSON.stringify({ call, node, atMs })
    },
    beat() {
      const log = options.logName()
      // The clock first: what was answered before is known if the lease holds after this.
      const atMs = monotonicNow()
      const seq = chain.seq()
      const beats: { resourceId: string; text: string }[] = []
      for (const [resourceId, lastMs] of calledAtMs) {
        if (atMs - lastMs > terms.interestMs || !isResource(resourceId)) {
          calledAtMs.delete(resourceId)
        } else if (seq !== undefined && isCurrent()) {
          const after = chain.headOf(resourceId)
          beats.push({ resourceId, text: JSON.stringify({ node, log, seq, after, atMs }) })
        }
      }
      return beats
    },
  }
}

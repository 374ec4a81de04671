import { fetchJwks, followRevocations } from '@parley/verifier'
import { createVerifier } from '@parley/verifier/node'
import { nodeFetch } from '@parley/verifier/node-fetch'

/** What a process of followers is told. */
export interface FollowersOrder {
  readonly endpoint: string
  readonly jwksUrl: string
  readonly issuer: string
  readonly credential: string
  readonly count: number
  readonly fetch: 'platform' | 'node'
}

/** When the last of them knew, by identity: nanoseconds on the clock that all processes share. */
export type KnownTimes = readonly (readonly [identityId: string, at: string])[]

/** What a snapshot cost. */
export interface SnapshotCost {
  readonly cpuSeconds: number
  readonly megabytes: number
}

/**
 * Runs followers with a verifier each. From the moment in which `apply` comes back the verdict on a
 * voided token is `void`, so that is the time which is noted.
 */
async function main(order: FollowersOrder): Promise<void> {
  const { endpoint, credential, issuer, count } = order
  const keys = await fetchJwks({ url: order.jwksUrl })
  if (!keys.ok) throw new Error(keys.fault.kind)
  const lastKnew = new Map<string, { count: number; at: bigint | undefined }>()
  const begin = () => {
    const verifier = createVerifier({ keys: keys.value, issuer })
    const noting = {
      ...verifier,
      apply: (cutOff: Parameters<typeof verifier.apply>[0]) => {
        verifier.apply(cutOff)
        const known = lastKnew.get(cutOff.subject) ?? { count: 0, at: undefined }
        if (known.count === 0) lastKnew.set(cutOff.subject, known)
        known.count += 1
        // The last one's moment is asked for; looking at the clock for each would cost as well.
        if (known.count === count) known.at = process.hrtime.bigint()
      },
    }
    const fetching = order.fetch === 'node' ? { fetch: nodeFetch } : {}
    const how = { maxStalenessMs: 60_000, ...fetching }
    return followRevocations({ verifier: noting, endpoint, credential, ...how })
  }
  globalThis.gc?.()
  const before = { cpu: process.cpuUsage(), bytes: process.memoryUsage().arrayBuffers }
  const followings = Array.from({ length: count }, begin)
  await Promise.all(followings.map(({ ready }) => ready))
  const cpu = process.cpuUsage(before.cpu)
  globalThis.gc?.()
  const cost: SnapshotCost = {
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    megabytes: (process.memoryUsage().arrayBuffers - before.bytes) / 1e6,
  }
  process.on('message', () => {
    const times: KnownTimes = [...lastKnew]
      .filter(([, { at }]) => at !== undefined)
      .map(([identityId, { at }]) => [identityId, String(at)])
    process.send?.(times)
  })
  process.send?.(cost)
}

const order = process.argv[2]
if (order !== undefined && process.send !== undefined) await main(JSON.parse(order))

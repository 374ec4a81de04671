/**
 * How often somebody may ask, decided before the handler is called: what is refused changes
 * nothing, and counts for nothing.
 *
 * Counts are kept in memory, by each node for itself. Limits of a resource are divided by the
 * number of nodes, because its requests come over many connections and so to all of them; limits of
 * a user and of a thread are not, because a person's device holds one connection to one node, and
 * a third of ten would refuse who keeps to ten.
 *
 * A limit of a thread is its participants': whoever is none must not use it up for them. So what
 * the handler refuses is taken back from the thread's count, and each user has a count of that
 * limit for himself that is not, which bounds how much he can hold meanwhile.
 *
 * @source docs/decisions/0025-rates-and-origins.md
 */
import { fail, ok, type Result } from '@parley/protocol'
import type { Fault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import type { Call, Handled, Operation } from '../contract/operation.ts'
import type { RateLimit, RateName, RateScope, Rates } from '../foundation/rates.ts'
import {
  addOne,
  countNow,
  createSlidingCount,
  type SlidingCount,
  takeBack,
  timeToRoomMs,
} from '../foundation/sliding-count.ts'
import { createFairMemory } from './fair-memory.ts'

/** What limiting needs. */
export interface RateWorld {
  readonly rates: Rates
  /** Nodes that share the database, this one among them. */
  readonly nodeCount: () => number
  readonly monotonicNow: () => number
}

/** Whose request it is. */
interface Asker {
  readonly resourceId: string
  readonly user: string | undefined
  readonly thread: string | undefined
}

/** A count that a request needs room in. */
interface Need {
  readonly count: SlidingCount
  readonly max: number
  readonly isGivenBack: boolean
}

/** Lets each operation with a rate be called so often and no more. */
export function limitRates(
  operations: readonly Operation[],
  world: RateWorld,
): readonly Operation[] {
  if (world.rates.size === 0) return operations
  const take = createTake(world)
  return operations.map((operation) => {
    const { rate, handle } = operation
    if (rate === undefined) return operation
    return {
      ...operation,
      handle: (call) => {
        const taken = take(typeof rate === 'function' ? rate(call) : rate, call)
        return taken.ok ? settle(taken.value, () => handle(call)) : taken
      },
    }
  })
}

type GiveBack = () => void

/** What is refused or fails is given back where that belongs to others as well. */
function settle(giveBack: GiveBack | undefined, act: () => Handled): Handled {
  if (giveBack === undefined) return act()
  try {
    const handled = act()
    if (!(handled instanceof Promise)) {
      if (!handled.ok) giveBack()
      return handled
    }
    return handled.then(
      (outcome) => {
        if (!outcome.ok) giveBack()
        return outcome
      },
      (error: unknown) => {
        giveBack()
        throw error
      },
    )
  } catch (error) {
    giveBack()
    throw error
  }
}

type Take = (name: RateName, call: Call) => Result<GiveBack | undefined, Fault>

function createTake({ rates, nodeCount, monotonicNow }: RateWorld): Take {
  const memory = createFairMemory<SlidingCount>(serverLimits.rateCountsMax)
  return (name, call) => {
    const limits = rates.get(name)
    const asker = askerOf(call)
    if (limits === undefined || asker === undefined) return ok(undefined)
    const nowMs = monotonicNow()
    const needs: Need[] = []
    const need = (limit: RateLimit, per: RateScope, kind: string = per) => {
      const key = keyOf(asker, per)
      if (key === undefined) return
      const make = () => createSlidingCount(limit.seconds * 1000, nowMs)
      const count = memory.findOrPut(
        asker.resourceId,
        `${name} ${limit.seconds} ${kind} ${key}`,
        make,
      )
      const isDivided = per === 'resource'
      const max = isDivided ? Math.ceil(limit.max / Math.max(1, nodeCount())) : limit.max
      needs.push({ count, max, isGivenBack: per === 'thread' })
    }
    for (const limit of limits) {
      if (limit.per === 'thread') need(limit, 'user-thread', 'user-of-thread')
      need(limit, limit.per)
    }
    const waits = needs.map(({ count, max }) =>
      countNow(count, nowMs) < max ? 0 : timeToRoomMs(count, max, nowMs),
    )
    const waitMs = Math.max(...waits, 0)
    if (waitMs > 0) {
      return fail({ kind: 'rate-exceeded', retryAfterSeconds: Math.ceil(waitMs / 1000) })
    }
    return ok(takeAll(needs))
  }
}

function takeAll(needs: readonly Need[]): GiveBack | undefined {
  const lent: (readonly [SlidingCount, number])[] = []
  for (const { count, isGivenBack } of needs) {
    const slice = addOne(count)
    if (isGivenBack) lent.push([count, slice])
  }
  if (lent.length === 0) return undefined
  return () => {
    for (const [count, slice] of lent) takeBack(count, slice)
  }
}

/** Who is not known by a resource is not limited: such an operation has no rate. */
function askerOf({ caller, params }: Call): Asker | undefined {
  if (caller === undefined || !('resourceId' in caller)) return undefined
  const user = 'identityId' in caller ? caller.identityId : undefined
  return { resourceId: caller.resourceId, user, thread: params['chatThreadId'] }
}

/** `undefined`: the limit is not about this request. */
function keyOf({ user, thread }: Asker, per: RateScope): string | undefined {
  switch (per) {
    case 'resource':
      return ''
    case 'user':
      return user
    case 'thread':
      return thread
    case 'user-thread':
      return user === undefined || thread === undefined ? undefined : `${user} ${thread}`
  }
}

/**
 * What calls do by themselves. Rows say what is due, so whichever node is first does it, and after
 * the death of a node another one.
 */
import { serverLimits } from '../contract/limits.ts'
import type { Log } from '../foundation/log.ts'
import { type RecurringWork, startRecurringWork } from '../foundation/recurring-work.ts'
import { timeOut } from './answers.ts'
import { listGoneDevices } from './device-store.ts'
import { closeLonely, endDevice, endLegsOf } from './going.ts'
import type { CallHub } from './hub.ts'
import { refuse } from './model.ts'
import { type CallWorld, change } from './steps.ts'
import {
  countLiveLegs,
  deleteNamelessLegs,
  deleteOldFrames,
  listDueRings,
  listLonelyCalls,
  listStrayLegs,
} from './sweep-store.ts'

/** What the recurring work of calls needs. */
export interface CallWork extends CallWorld {
  readonly hub: Pick<CallHub, 'judgeAll'>
  readonly log: Log
  /** Compares the engines with what is stored. */
  readonly reconcile: () => Promise<void>
}

/** Time between two rounds of what does not wait, in milliseconds. */
const roundMs = 1000

/** Starts it. @returns what ends it. */
export async function startCallWork(world: CallWork): Promise<() => Promise<void>> {
  const { log } = world
  const works: RecurringWork[] = [
    await startRecurringWork({
      tasks: [
        { name: 'stop what rings for too long', run: () => stopRings(world) },
        { name: 'end devices of calls that are gone', run: () => endGoneDevices(world) },
      ],
      intervalMs: roundMs,
      log,
    }),
    await startRecurringWork({
      tasks: [
        { name: 'judge the tokens of calls again', run: async () => world.hub.judgeAll() },
        { name: 'compare the engines of calls with the legs', run: () => world.reconcile() },
        { name: 'end what nobody speaks for', run: () => endStrays(world) },
        { name: 'count the time of calls', run: () => checkpoint(world) },
        { name: 'forget what devices were told', run: () => forgetFrames(world) },
        { name: 'forget calls without anybody', run: () => forgetNameless(world) },
      ],
      intervalMs: serverLimits.callReconcileMs,
      log,
    }),
  ]
  return async () => {
    for (const work of works) await work.stop()
  }
}

async function stopRings(world: CallWorld): Promise<void> {
  const atMs = world.platform.now()
  for (const named of await listDueRings(world.db, atMs)) {
    await change(world, named, (call) => {
      const step = timeOut(call, atMs)
      return step === undefined ? refuse('CallNotRinging') : { ok: true, value: step }
    })
  }
}

async function endGoneDevices(world: CallWorld): Promise<void> {
  const { callRowsAtOnceMax: devicesMax } = serverLimits
  const at = { nowMs: world.platform.now(), devicesMax }
  for (const device of await listGoneDevices(world.db, at)) await endDevice(world, device, device)
}

/**
 * Ends legs that nobody speaks for, and those in rooms that they may not be in; then calls in which
 * nobody is left to talk to.
 *
 * @param of - a resource; absent: every one.
 */
export async function endStrays(world: CallWorld, of?: string): Promise<void> {
  await endStrayLegs(world, of)
  for (const named of await listLonelyCalls(world.db, of)) await closeLonely(world, named)
}

async function endStrayLegs(world: CallWorld, of?: string): Promise<void> {
  const atMs = world.platform.now()
  for (const stray of await listStrayLegs(world.db, atMs, of)) {
    const isMeant = ({ legId }: { readonly legId: string }) => legId === stray.legId
    const reason = stray.isOfRoom ? ('removed' as const) : ('lost' as const)
    await endLegsOf(world, stray, { isMeant, reason, atMs: stray.seenAtMs ?? atMs })
  }
}

async function checkpoint({ db, platform }: CallWorld): Promise<void> {
  const { callRowsAtOnceMax: rowsMax } = serverLimits
  while ((await countLiveLegs(db, platform.now())) === rowsMax) {}
}

async function forgetNameless({ db }: CallWorld): Promise<void> {
  while ((await deleteNamelessLegs(db)) === serverLimits.callRowsAtOnceMax) {}
}

async function forgetFrames({ db, platform }: CallWorld): Promise<void> {
  await deleteOldFrames(db, platform.now())
}

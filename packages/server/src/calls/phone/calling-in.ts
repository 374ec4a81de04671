/**
 * Phones that call a number of this server: the account at the edge is registered, and what comes
 * in by it rings whom the number belongs to.
 *
 * A handle of Janus has one call at a time. The account's own takes the first; while it is busy
 * Janus gives what comes to a helper of it, of which one that is idle is always kept.
 */
import { ok, type Result } from '@parley/protocol'
import { serverLimits } from '../../contract/limits.ts'
import { findOwnNumber } from '../../phones/number-store.ts'
import { holdCallees, insertCall } from '../call-store.ts'
import { newCall } from '../coming.ts'
import type { EngineLeg } from '../media-engine.ts'
import { type Call, type CallFault, liveLegs, refuse, type Step } from '../model.ts'
import { enterPhone } from '../phone-legs.ts'
import { ring } from '../rings.ts'
import { type CallWorld, type Decide, legsMaxOf, ringUntilMs, takeStep } from '../steps.ts'
import type { PhoneEngine } from './engine.ts'
import { type Line, type LineEvent, type LineUser, type LineWorld, openLine } from './line.ts'

/** A phone that calls a number of this server. */
interface IncomingPhone {
  /** As the trunk says it: E.164, or something else. */
  readonly from: string
  readonly number: string
}

interface Switchboard extends LineWorld {
  readonly calls: CallWorld
  readonly engine: PhoneEngine
  masterId: number
  linesCount: number
  idleHelpers: number
  isClosed: boolean
  retry: NodeJS.Timeout | undefined
}

/** Time between two attempts to be called, in milliseconds. */
const retryMs = 5000

/** Is called from now on, whenever Janus and the edge are there. @returns what ends it. */
export function answerPhones(
  world: LineWorld,
  calls: CallWorld,
  engine: PhoneEngine,
): () => Promise<void> {
  const board: Switchboard = {
    ...{ ...world, calls, engine, masterId: 0, linesCount: 0, idleHelpers: 0 },
    ...{ isClosed: false, retry: undefined },
  }
  world.connection.follow((isUp) => {
    if (isUp) void begin(board)
  })
  if (world.connection.isUp()) void begin(board)
  return async () => {
    board.isClosed = true
    clearTimeout(board.retry)
  }
}

async function begin(board: Switchboard): Promise<void> {
  if (board.isClosed) return
  Object.assign(board, { linesCount: 0, idleHelpers: 0, masterId: 0 })
  const isOpen = await addLine(board, { kind: 'account' })
  if (!isOpen) tryAgain(board)
}

function tryAgain(board: Switchboard): void {
  clearTimeout(board.retry)
  if (board.isClosed) return
  board.retry = setTimeout(() => {
    if (board.connection.isUp()) void begin(board)
  }, retryMs).unref()
}

async function addLine(board: Switchboard, user: LineUser): Promise<boolean> {
  if (board.linesCount >= serverLimits.phoneLinesMax) return true
  board.linesCount += 1
  if (user.kind === 'helper') board.idleHelpers += 1
  let line: Line | undefined
  let leg: EngineLeg | undefined
  // It may hang up before it is known for whom it rings.
  let wasGivenUp = false
  const opened = await openLine(board, user, (event) => {
    if (event.kind === 'incoming') {
      leg = undefined
      wasGivenUp = false
      if (user.kind === 'helper') board.idleHelpers -= 1
      void helped(board)
      if (line === undefined) return
      const own = line
      void takeCall(board, { event, line: own }).then((taken) => {
        leg = taken
        if (taken !== undefined && wasGivenUp) board.engine.hear(taken, { kind: 'over', code: 487 })
      })
    } else if (event.kind === 'registered') {
      board.masterId = event.masterId
    } else if (leg !== undefined) {
      board.engine.hear(leg, event)
      if (event.kind === 'over') leg = undefined
    } else if (event.kind === 'over' && user.kind === 'account' && line !== undefined) {
      void notCalled(board, event)
    }
    if (event.kind === 'over') wasGivenUp = true
    if (event.kind === 'over' && user.kind === 'helper') board.linesCount -= 1
  })
  if (opened.ok) line = opened.value
  else board.log.warn({ fault: opened.fault }, 'phones cannot call this server at present')
  return opened.ok
}

/** A call that rang nobody any more, or the account itself: that is asked about again. */
async function notCalled(board: Switchboard, { code }: { code: number | undefined }) {
  if (code === undefined || code === 487 || code === 200) return
  board.log.warn({ code }, 'the edge refuses the account of this server')
  tryAgain(board)
}

async function helped(board: Switchboard): Promise<void> {
  if (board.idleHelpers > 0 || board.masterId === 0) return
  await addLine(board, { kind: 'helper', masterId: board.masterId })
}

async function takeCall(
  board: Switchboard,
  {
    event,
    line,
  }: {
    readonly event: Extract<LineEvent, { readonly kind: 'incoming' }>
    readonly line: Line
  },
): Promise<EngineLeg | undefined> {
  const { from, to: number, offer } = event
  try {
    const rung = await callFromPhone(board.calls, { from, number })
    if (rung.ok) {
      board.engine.take(rung.value, line, offer)
      return rung.value
    }
    board.log.info({ code: rung.fault.code }, 'a phone called and nobody is rung')
    await line.decline(rung.fault.code === 'PhoneUnavailable' ? notFound : unavailable)
  } catch (error) {
    board.log.warn({ err: error }, 'a phone that called was not answered')
    await line.decline(unavailable)
  }
  return undefined
}

const notFound = 404
const unavailable = 480

/** Rings whom a number belongs to. @faults `PhoneUnavailable` - it leads to nobody. */
async function callFromPhone(
  world: CallWorld,
  { from, number }: IncomingPhone,
): Promise<Result<EngineLeg, CallFault>> {
  const found = await findOwnNumber(world.db, number)
  if (found?.identityId === undefined) return refuse('PhoneUnavailable')
  const { resourceId, identityId } = found
  const bare = newCall(
    world,
    { resourceId, media: 'audio', isJoinable: false, roomId: undefined },
    { isGroup: false, isToPhone: true },
  )
  const legId = world.platform.newGuid()
  const begun = (await world.db.begin(async (db) => {
    const present = await holdCallees(db, resourceId, [identityId])
    if (!present.has(identityId)) return refuse('PhoneUnavailable')
    if (!(await insertCall(db, bare))) return refuse('Unavailable')
    const decide: Decide = (empty) => rungBy(world, empty, { from, legId, identityId })
    return takeStep(world, db, { call: { ...bare, legs: [], rings: [] }, decide })
  })) as Result<Call, CallFault>
  return begun.ok ? ok({ resourceId, callId: bare.callId, legId }) : begun
}

function rungBy(
  world: CallWorld,
  call: Call,
  {
    from,
    legId,
    identityId,
  }: {
    readonly from: string
    readonly legId: string
    readonly identityId: string
  },
): Result<Step, CallFault> {
  const { platform } = world
  const phone = /^\+[1-9][0-9]{1,14}$/.test(from) ? from : 'anonymous'
  const entered = enterPhone(call, {
    ...{ legId, deviceId: platform.newGuid(), phone, atMs: platform.now() },
    ...{ direction: 'started', role: 'Attendee', legsMax: legsMaxOf(world, call) },
  })
  if (!entered.ok) return entered
  const ringing = liveLegs(entered.value.call).find((leg) => leg.legId === legId)
  const expiresAtMs = ringUntilMs(world)
  const caller = { identityId: undefined, phone: ringing?.phone }
  return ok(ring(entered.value.call, { from: caller, to: [identityId], expiresAtMs }))
}

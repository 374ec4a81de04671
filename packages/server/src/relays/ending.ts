/**
 * Ends sessions at the relays. Whom coturn has let in it does not judge again, so what was
 * withdrawn goes on until its sessions are ended by name.
 *
 * Each relay is asked for what it has, and told to end it, until it has nothing more: a client may
 * have been let in between. What is missed all the same (a server died, a relay did not answer) is
 * found by comparing all that the relays have with who may allocate.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { ok, type Result } from '@parley/protocol'
import { serverLimits } from '../contract/limits.ts'
import type { Database } from '../database/connect.ts'
import { createGather } from '../foundation/gather.ts'
import type { Log } from '../foundation/log.ts'
import type { WatchedNumber } from '../foundation/metrics.ts'
import type { HostAndPort, TurnPlace } from '../foundation/turn-place.ts'
import { type CommandLine, type CommandLineFault, openCommandLine } from './coturn-cli.ts'
import type { RelaySession } from './coturn-text.ts'
import { findLiveNames } from './store.ts'
import { deleteUsers, type WithdrawnUser } from './withdrawal-store.ts'

/** What ending sessions needs. */
export interface EndingWorld {
  readonly db: Database
  readonly log: Pick<Log, 'warn' | 'error'>
  readonly turn: TurnPlace
}

/** Ends sessions, and counts. */
export interface Ending {
  /**
   * Ends all sessions of users that were withdrawn, and then forgets these.
   *
   * @param isExpected - whether their clients may have gone by themselves before.
   */
  readonly end: (users: readonly WithdrawnUser[], isExpected: boolean) => Promise<void>
  /** Ends what the relays have of those who may not allocate. */
  readonly compare: () => Promise<void>
  readonly numbers: readonly WatchedNumber[]
}

const limits = {
  /** Above so many users everything is listed once, instead of them one by one. */
  askedByNameMax: 16,
  /** How often a relay is asked whether anything is left, and the pause between. */
  looksMax: 20,
  pauseMs: 5,
}

interface Counts {
  ended: number
  strays: number
  without: number
  failures: number
}

/** Creates what ends sessions at the relays of the settings. */
export function createEnding(world: EndingWorld): Ending {
  const counts: Counts = { ended: 0, strays: 0, without: 0, failures: 0 }
  const gather = createGather<Asked, undefined>({
    keyOf: ({ isExpected }) => String(isExpected),
    async answerAll(_, asked) {
      const users = asked.flatMap((one) => one.users)
      await endGroup(world, counts, { users, isExpected: asked[0]?.isExpected === true })
      return asked.map(() => undefined)
    },
    asksMax: serverLimits.asksInStatementMax,
    waitingMax: serverLimits.asksWaitingMax,
  })
  return {
    async end(users, isExpected) {
      if (users.length > 0) await gather.ask({ users, isExpected })
    },
    async compare() {
      const strays = await eachRelay(world, counts, (line) => endStrays(world, line))
      const count = strays?.flat().length ?? 0
      if (count === 0) return
      counts.strays += count
      world.log.warn({ count }, 'relays had sessions of users that were withdrawn; they are ended')
    },
    numbers: numbersOf(counts),
  }
}

/** What is asked for while relays are being asked is done together afterwards. */
interface Asked {
  readonly users: readonly WithdrawnUser[]
  readonly isExpected: boolean
}

async function endGroup(
  world: EndingWorld,
  counts: Counts,
  { users, isExpected }: Asked,
): Promise<void> {
  const names = new Set(users.map(({ userName }) => userName))
  const found = await eachRelay(world, counts, (line) => endAllOf(line, names, world.turn))
  if (found === undefined) return
  const had = new Set(found.flat().map(({ user }) => user))
  counts.ended += found.flat().length
  const without = users.filter(({ userName, isForced }) => isForced && !had.has(userName))
  if (without.length > 0 && !isExpected) {
    counts.without += without.length
    world.log.warn(
      { count: without.length },
      'legs that send over relays only had no session at any relay of PARLEY_TURN_CLI',
    )
  }
  await deleteUsers(world.db, users)
}

type Ended = Result<readonly RelaySession[], CommandLineFault>

/** Does the same at every relay; `undefined` where one could not be asked. */
async function eachRelay(
  { turn, log }: EndingWorld,
  counts: Counts,
  act: (line: CommandLine) => Promise<Ended>,
): Promise<readonly (readonly RelaySession[])[] | undefined> {
  const at = async (place: HostAndPort): Promise<Ended> => {
    const opened = await openCommandLine(place, turn.commandLinePassword)
    if (!opened.ok) return opened
    try {
      return await act(opened.value)
    } finally {
      opened.value.close()
    }
  }
  const done = await Promise.all(turn.commandLines.map(at))
  const ended: (readonly RelaySession[])[] = []
  for (const [index, one] of done.entries()) {
    if (one.ok) {
      ended.push(one.value)
    } else {
      counts.failures += 1
      const relay = turn.commandLines[index]
      log.error({ relay, fault: one.fault }, 'sessions at a relay were not ended; tried again soon')
    }
  }
  return ended.length === done.length ? ended : undefined
}

/** Ends what a relay has of some users, until it has nothing. */
async function endAllOf(
  line: CommandLine,
  names: ReadonlySet<string>,
  { realm }: TurnPlace,
): Promise<Ended> {
  const ended = new Map<string, RelaySession>()
  for (let look = 0; look < limits.looksMax; look++) {
    if (look > 1) await delay(limits.pauseMs)
    const listed = await listOf(line, names)
    if (!listed.ok) return listed
    const left = listed.value.filter((one) => names.has(one.user) && one.realm === realm)
    if (left.length === 0) break
    for (const session of left) {
      const done = await line.end(session.id)
      if (!done.ok) return done
      ended.set(session.id, session)
    }
  }
  return ok([...ended.values()])
}

async function listOf(line: CommandLine, names: ReadonlySet<string>): Promise<Ended> {
  if (names.size > limits.askedByNameMax) {
    const all = await line.list()
    return all.ok ? ok(all.value.sessions) : all
  }
  const sessions: RelaySession[] = []
  for (const name of names) {
    const own = await line.list(name)
    if (!own.ok) return own
    sessions.push(...own.value.sessions)
  }
  return ok(sessions)
}

async function endStrays({ db, turn }: EndingWorld, line: CommandLine): Promise<Ended> {
  const { realm } = turn
  const listed = await line.list()
  if (!listed.ok) return listed
  const known = listed.value.sessions.filter((one) => one.user !== '' && one.realm === realm)
  if (known.length === 0) return ok([])
  const userNames = [...new Set(known.map(({ user }) => user))]
  const live = await findLiveNames(db, { realm, userNames })
  const strays = known.filter(({ user }) => !live.has(user))
  for (const { id } of strays) {
    const done = await line.end(id)
    if (!done.ok) return done
  }
  return ok(strays)
}

function numbersOf(counts: Counts): readonly WatchedNumber[] {
  return [
    {
      name: 'parley_relay_sessions_ended_total',
      help: 'Sessions at relays that were ended, by whether their user was withdrawn just then.',
      type: 'counter',
      read: () => [
        { labels: { found: 'withdrawn' }, value: counts.ended },
        { labels: { found: 'stray' }, value: counts.strays },
      ],
    },
    {
      name: 'parley_relay_legs_without_session_total',
      help: 'Legs over relays only that were cut, and of which no relay had a session.',
      type: 'counter',
      read: () => counts.without,
    },
    {
      name: 'parley_relay_failures_total',
      help: 'Times that the command line of a relay could not be asked.',
      type: 'counter',
      read: () => counts.failures,
    },
  ]
}

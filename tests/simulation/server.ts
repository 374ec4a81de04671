/**
 * A simulated server: Parley's own node, feed, tail, confirmation and verifier on a machine whose
 * time, chance and network are simulated.
 *
 * The operations are as short as they can be, and ask in the order in which the pipeline and the
 * handlers of the server do: is this node current, then the verdict in the same turn; the commit,
 * then the feed, then the answer.
 */

import { type AccessKeySlot, fail, ok } from '@parley/protocol'
import { serverLimits } from '@parley/server/contract/limits'
import type { LogEvent } from '@parley/server/events/model'
import type { LogEnd } from '@parley/server/events/store'
import type { Follower } from '@parley/server/events/tail'
import { pauseFor } from '@parley/server/foundation/timers'
import { createNode, type Node } from '@parley/server/nodes/node'
import type { NodeDatabase, Session } from '@parley/server/nodes/port'
import { followCutOffs } from '@parley/server/tokens/cut-offs'
import { createVerifier, type SyncVerifier } from '@parley/verifier/node'
import { issuer } from '../vectors/press.ts'
import type { Machine } from './machine.ts'
import type { Connection, Network } from './network.ts'
import { type Ask, createPool, type Pool } from './pool.ts'
import * as statements from './statements.ts'
import { type Grant, keys } from './tokens.ts'
import type { Trace } from './trace.ts'

/** What a server says of a token or an access key. */
export type Said = 'accepted' | 'void' | 'behind'

/** What a voiding came to. */
export interface Voided {
  readonly events: readonly LogEvent[]
  /** From the answered commit to the confirmation, without what the process stood still. */
  readonly confirmedInMs: number
}

/** A server that runs. */
export interface Server {
  readonly machine: Machine
  readonly node: Node
  /** Whether an event was handed to what follows the feed, or was in what that has read. */
  readonly hasApplied: (event: LogEvent) => boolean
  readonly useToken: (text: string) => Promise<Said>
  readonly useKey: (slot: AccessKeySlot, generation: number) => Promise<Said>
  /** `undefined` where nothing was done: the node is behind, or the database away. */
  readonly issue: (ask: IssueAsk) => Promise<Grant | undefined>
  readonly voidSubjects: (cause: statements.Cause) => Promise<Voided | undefined>
}

/** What token is asked for. */
export interface IssueAsk {
  readonly identityId: string
  readonly slot: AccessKeySlot
  /** Of the token, no other has it. */
  readonly number: number
}

/** What a server is started with. */
export interface ServerWorld {
  readonly machine: Machine
  readonly network: Network
  readonly trace: Trace
  /** True time, for what is measured. */
  readonly now: () => number
  /** Hears each event that this server applies. */
  readonly onApplied: (event: LogEvent) => void
  /** Hears what it has read into its memory, or applies. */
  readonly onKnown: (events: readonly LogEvent[]) => void
  /** Hears that it reads everything again, and follows on by the numbers of another log. */
  readonly onReloaded: () => void
}

/** Starts a server as `parley.ts` does; rejects where the database is away. */
export async function startServer(world: ServerWorld): Promise<Server> {
  const { machine, network, trace } = world
  const pool = createPool(machine, network)
  const { now } = machine.platform
  const { lastSeq: startSeq, timeline } = await pool.ask(statements.findLogEnd)
  let memory: Ask = pool.ask
  let openedAt = startSeq
  const log = {
    warn: (_: object, message: string) => trace.note(machine.name, message),
    error: (_: object, message: string) => trace.note(machine.name, message),
  }
  const node = createNode({
    database: nodeDatabase(world, (connection, { lastSeq }) => {
      memory = connection.ask
      openedAt = lastSeq
    }),
    platform: machine.platform,
    log: log as Parameters<typeof createNode>[0]['log'],
    ...{ startSeq, timeline },
    timers: machine.timers,
  })
  const keyGenerations = new Map<string, number>()
  const readKeys = async () => {
    const read = await memory(statements.readKeys)
    for (const slot of ['primary', 'secondary'] as const) keyGenerations.set(slot, read[slot])
  }
  await readKeys()
  const verifier = createVerifier({ keys, issuer, now, seenTokensMax: 100 })
  const readCutOffs = async () => {
    const cutOffs = await memory(statements.listCutOffs)
    for (const cutOff of cutOffs) verifier.apply(cutOff)
    world.onKnown(cutOffs)
  }
  node.feed.follow(followCutOffs(verifier, readCutOffs))
  // As `followResources` does: what is kept of keys is read again before the event counts.
  node.feed.follow({
    apply: ({ kind }) => (kind === 'access-key' || kind === 'resource' ? readKeys() : undefined),
    reload: readKeys,
  })
  const { follower, hasApplied } = createWitness(world, () => openedAt)
  node.feed.follow(follower)
  await readCutOffs()
  const started = await node.start()
  if (!started.ok) throw new Error(started.fault.kind)
  trace.note(machine.name, 'serves')
  const operations = operationsOf(world, { node, pool, verifier, keyGenerations })
  return { machine, node, hasApplied, ...operations }
}

/** Sees what is applied. @param readSeq - what memory was read by, at a start or once more. */
function createWitness(
  { machine, trace, onApplied, onKnown, onReloaded }: ServerWorld,
  readSeq: () => number,
): Pick<Server, 'hasApplied'> & { readonly follower: Follower } {
  let knownSeq = readSeq()
  const applied = new Map<number, string>()
  return {
    hasApplied: (event) => event.seq <= knownSeq || applied.get(event.seq) === printEvent(event),
    follower: {
      apply(event) {
        applied.set(event.seq, printEvent(event))
        trace.note(machine.name, `applies ${event.seq}`)
        machine.step('applied')
        onKnown([event])
        onApplied(event)
        return undefined
      },
      reload: async () => {
        knownSeq = readSeq()
        applied.clear()
        trace.note(machine.name, 'has read its memory again')
        onReloaded()
      },
    },
  }
}

/** Tells an event from others of its number. */
export function printEvent(event: LogEvent): string {
  const what = 'generation' in event ? `${event.subject}=${event.generation}` : event.resourceId
  return `${event.seq}:${event.kind}:${what}`
}

function nodeDatabase(
  { machine, network, trace }: ServerWorld,
  onOpen: (connection: Connection, logEnd: LogEnd) => void,
): NodeDatabase {
  return {
    async openSession(onNotice) {
      let announceEnd = () => {}
      const ended = new Promise<void>((resolve) => {
        announceEnd = resolve
      })
      try {
        const connection = await network.connect({
          machine,
          timeoutMs: 3000,
          onNotice,
          onClose: () => announceEnd(),
        })
        const stopWaiting = machine.timers.callAfter(2000, () => connection.close())
        const logEnd = await connection.ask(statements.greet)
        stopWaiting()
        trace.note(machine.name, 'has a session')
        onOpen(connection, logEnd)
        return ok({ ...sessionOn(connection, network), ended, logEnd })
      } catch (error) {
        const message = error instanceof Error ? error.message : ''
        return fail({ kind: 'database-unreachable', message })
      }
    },
  }
}

function sessionOn(connection: Connection, network: Network): Omit<Session, 'ended' | 'logEnd'> {
  return {
    backend: connection.backend,
    isOpen: connection.isOpen,
    close: async () => connection.close(),
    listNodes: () => connection.ask(statements.listNodes),
    insertNode: (node) => connection.ask(statements.insertNode(node)),
    renewNode: (node) => connection.ask(statements.renewNode(node)),
    reportApplied: (node) => connection.ask(statements.reportApplied(node)),
    endLease: (row) => connection.ask(statements.endLease(row)),
    deleteNode: (nodeId) => connection.ask(statements.deleteNode(nodeId)),
    endBackend: (backend) =>
      connection.ask(statements.endBackend(() => network.endBackend(backend))),
    findLastSeq: () => connection.ask(statements.findLastSeq),
    readClock: () => connection.ask(statements.readClock),
    listEventsAfter: (afterSeq, eventsMax) =>
      connection.ask(statements.listEventsAfter(afterSeq, eventsMax)),
  }
}

/** Some handlers have more to do between the commit and the feed, such as other transactions. */
async function doOtherThings({ errands, timers }: Machine): Promise<void> {
  if (errands.forMs > 0) await pauseFor(timers, errands.forMs)
}

function operationsOf(
  { machine, now }: ServerWorld,
  known: {
    readonly node: Node
    readonly pool: Pool
    readonly verifier: SyncVerifier
    readonly keyGenerations: ReadonlyMap<string, number>
  },
): Pick<Server, 'useToken' | 'useKey' | 'issue' | 'voidSubjects'> {
  const { node, pool, verifier, keyGenerations } = known
  /** As the pipeline does: who asks is known from memory, so memory must count. */
  const judge = async <Verdict>(verdict: () => Verdict): Promise<Verdict | 'behind'> => {
    if (node.isCurrent()) return verdict()
    const isCurrent = await node.whenCurrent(serverLimits.currentWaitMs)
    return isCurrent ? verdict() : 'behind'
  }
  return {
    useToken: (text) =>
      judge(() => {
        const verdict = verifier.verify(text)
        if (verdict.ok) return 'accepted'
        if (verdict.reason !== 'void') throw new Error(`a token is ${verdict.reason}`)
        return 'void'
      }),
    useKey: (slot, generation) =>
      judge(() => (keyGenerations.get(slot) === generation ? 'accepted' : 'void')),
    async issue({ identityId, slot, number }) {
      if ((await judge(() => 'known')) !== 'known') return undefined
      return pool.ask(statements.issueToken({ identityId, slot, number })).catch(() => undefined)
    },
    async voidSubjects(cause) {
      if ((await judge(() => 'known')) !== 'known') return undefined
      const events = await pool.ask(statements.voidSubjects(cause)).catch(() => undefined)
      if (events === undefined) return undefined
      await doOtherThings(machine)
      const [committedAtMs, stoodMs] = [now(), machine.stoodMs()]
      await node.feed.publish(events)
      return { events, confirmedInMs: now() - committedAtMs - (machine.stoodMs() - stoodMs) }
    },
  }
}

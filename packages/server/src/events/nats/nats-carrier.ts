/**
 * NATS carries the feed to other nodes and to verifiers; the log in PostgreSQL is the truth.
 *
 * Between nodes it carries notices (`parley.notices`), as PostgreSQL does at a commit: whoever
 * hears one hands it to its tail, which orders by number, drops what it has and reads from the log
 * what is missing. Leases, renewals, confirmation and the notices of PostgreSQL itself are what
 * they are without NATS, so it can be away, slow or wrong and changes nothing but speed. Notices
 * are sealed with a key of the installation: another one on the same NATS cannot be mistaken.
 *
 * To verifiers it carries the cut-offs of each resource (`parley.revocations.<resource>`, kept for
 * a day in a stream) and, while somebody follows a resource, its heartbeats
 * (`parley.heartbeats.<resource>`). Each says after which number nothing else of the resource came
 * (`chain.ts`). That is the proof by which a follower notices what it was not given, and goes back
 * to the stream over HTTP; nothing here has to be complete, and no node has to be the one that
 * publishes.
 *
 * Who committed a cut-off publishes it, when its tail has come to it, since only then it knows what
 * came before. What a node has applied and has not heard published half a second later it publishes
 * itself, and after each connection what the log has beyond the end of the stream; the stream drops
 * what it has already. So a node that dies between commit and publishing costs half a second.
 *
 * Who may publish is for NATS to decide: whoever can on these subjects can make a verifier refuse
 * good tokens, or keep it from noticing that it is cut off. Verifiers need to publish nothing but
 * `parley.followers.<resource>` and what JetStream asks of a consumer.
 */
import { createHash, type KeyObject } from 'node:crypto'
import { isGuid } from '@parley/protocol'
import { serverLimits } from '../../contract/limits.ts'
import type { Log } from '../../foundation/log.ts'
import type { WatchedNumber } from '../../foundation/metrics.ts'
import type { NatsPlace } from '../../foundation/nats-place.ts'
import type { Platform } from '../../foundation/platform.ts'
import type { Carrier } from '../carrier.ts'
import { isCutOffEvent } from '../model.ts'
import type { LogPage } from '../store.ts'
import type { Follower } from '../tail.ts'
import { type Chain, createChain } from './chain.ts'
import { type BrokerFollowers, createBrokerFollowers } from './followers.ts'
import { type Heard, type Line, openLine } from './line.ts'
import { createNoticeSeal, type NoticeSeal, printNotices } from './notices.ts'
import { createOutbox, type Outbox, type Parcel } from './outbox.ts'

/** NATS as a carrier. */
export interface NatsCarrier extends Carrier {
  /** Follows the feed and connects; nothing waits for that. Before the node is started. */
  readonly start: (world: NatsCarrierWorld) => void
  readonly watched: readonly WatchedNumber[]
  readonly close: () => Promise<void>
}

/** What there is before a node. */
export interface NatsCarrierOptions {
  readonly place: NatsPlace
  readonly platform: Platform
  readonly log: Pick<Log, 'info' | 'warn'>
  /** The number that the node begins after. */
  readonly startSeq: number
}

/** What there is only with the rooms. */
export interface NatsCarrierWorld {
  /** One that every node of the installation has, and nobody else. */
  readonly key: KeyObject
  /** Of the log that numbers are numbers of, where it can be replaced: the timeline. */
  readonly timeline?: () => string
  readonly feed: { readonly follow: (follower: Follower) => void }
  readonly isCurrent: () => boolean
  readonly isResource: (resourceId: string) => boolean
  readonly readPage: (afterSeq: number, eventsMax: number) => Promise<LogPage>
}

const terms = {
  tickMs: 100,
  /** Longer notices than NATS takes tell only their numbers. */
  noticeCharactersMax: 500_000,
  /** Events of the log that are looked at for what the stream lacks. */
  lackingEventsMax: 1000,
}

const subjects = {
  notices: 'parley.notices',
  cutOffs: 'parley.revocations.',
  heartbeats: 'parley.heartbeats.',
  calls: 'parley.followers.',
}

interface Life extends NatsCarrierOptions {
  readonly chain: Chain
  readonly outbox: Outbox
  readonly counts: { published: number; republished: number; received: number; failed: number }
  readonly listeners: ((text: string) => void)[]
  line: Line | undefined
  seal: NoticeSeal | undefined
  isPublishing: boolean
}

/** Creates the carrier of a node; it carries nothing before it was started. */
export function createNatsCarrier(options: NatsCarrierOptions): NatsCarrier {
  const { platform, startSeq } = options
  const life: Life = {
    ...options,
    chain: createChain(startSeq),
    outbox: createOutbox(() => platform.randomBytes(1).readUInt8() / 256),
    counts: { published: 0, republished: 0, received: 0, failed: 0 },
    listeners: [],
    line: undefined,
    seal: undefined,
    isPublishing: false,
  }
  const timers: ReturnType<typeof setInterval>[] = []
  return {
    tell(batch) {
      const { seqBefore, seqLast, events = [] } = batch
      const cutOffs = events.filter(isCutOffEvent)
      life.outbox.claim(
        cutOffs.map(({ seq }) => seq),
        platform.monotonicNow(),
      )
      const text = printNotices(batch)
      const fits = text.length <= terms.noticeCharactersMax ? text : `${seqBefore}:${seqLast}`
      if (life.seal !== undefined) life.line?.send(subjects.notices, life.seal.seal(fits))
      publishSoon(life)
    },
    hear: (listener) => life.listeners.push(listener),
    start(world) {
      const { key, timeline: logName = () => '' } = world
      life.seal = createNoticeSeal({ key, logName })
      const nodeName = platform.newGuid()
      const { monotonicNow } = platform
      const { chain } = life
      const followers = createBrokerFollowers({
        ...{ ...world, nodeName, logName, chain, monotonicNow },
      })
      follow(life, world)
      life.line = openLineOf(life, { world, followers })
      const beat = () => {
        for (const { resourceId, text } of followers.beat()) {
          life.line?.send(`${subjects.heartbeats}${resourceId}`, text)
        }
      }
      timers.push(setInterval(() => void publishDue(life), terms.tickMs).unref())
      timers.push(setInterval(beat, serverLimits.heartbeatIntervalMs).unref())
    },
    watched: watchedNumbers(life),
    async close() {
      for (const timer of timers) clearInterval(timer)
      await life.line?.close()
    },
  }
}

function follow(life: Life, { feed }: NatsCarrierWorld): void {
  const { chain, outbox, platform } = life
  feed.follow({
    apply(event) {
      // One that comes again, because somebody else failed at it, was taken.
      if (event.seq <= (chain.seq() ?? 0)) return undefined
      const after = chain.take(event)
      if (!isCutOffEvent(event)) return undefined
      outbox.put({ ...event, after }, platform.monotonicNow())
      publishSoon(life)
      return undefined
    },
    reload: async () => chain.forget(),
  })
}

function openLineOf(
  life: Life,
  parts: { readonly world: NatsCarrierWorld; readonly followers: BrokerFollowers },
): Line {
  const { place, log, counts, outbox } = life
  const hearNotices = ({ text }: Heard) => {
    const notices = life.seal?.open(text)
    if (notices === undefined) return
    counts.received += 1
    for (const notice of notices.split('\n')) for (const take of life.listeners) take(notice)
  }
  const hearCall = ({ subject, text, respond }: Heard) => {
    const resourceId = subject.slice(subjects.calls.length)
    const answer = isGuid(resourceId) ? parts.followers.call(resourceId, text) : undefined
    if (answer !== undefined) respond(answer)
  }
  return openLine({
    ...{ place, log },
    ears: {
      [subjects.notices]: hearNotices,
      [`${subjects.cutOffs}*`]: ({ text }) => outbox.leaveOut(seqsIn(text)),
      [`${subjects.calls}*`]: hearCall,
    },
    onReady: () => {
      void publishDue(life)
      void putLacking(life, parts.world).catch(() => undefined)
    },
  })
}

/** Puts into the outbox what the log has beyond the end of the stream, from before this node. */
async function putLacking(life: Life, { readPage }: NatsCarrierWorld): Promise<void> {
  const { line, outbox, platform, startSeq } = life
  const last = await line?.findLast(`${subjects.cutOffs}*`)
  const lastSeq = last === undefined ? undefined : Math.max(0, ...seqsIn(last))
  // Into an empty stream nothing of the past is put: nobody has followed by it.
  if (lastSeq === undefined || lastSeq === 0 || lastSeq >= startSeq) return
  const { events } = await readPage(lastSeq, terms.lackingEventsMax)
  const chain = createChain(lastSeq)
  for (const event of events) {
    const after = chain.take(event)
    if (event.seq > startSeq || !isCutOffEvent(event)) continue
    outbox.put({ ...event, after }, platform.monotonicNow())
  }
}

function seqsIn(text: string): readonly number[] {
  try {
    const { cutOffs } = JSON.parse(text) as { readonly cutOffs?: readonly { seq?: unknown }[] }
    return (cutOffs ?? []).map(({ seq }) => Number(seq)).filter(Number.isSafeInteger)
  } catch {
    return []
  }
}

/** What comes in one turn is published together. */
function publishSoon(life: Life): void {
  if (!life.isPublishing) setImmediate(() => void publishDue(life))
}

async function publishDue(life: Life): Promise<void> {
  const { outbox, line, platform } = life
  if (life.isPublishing || line?.isConnected() !== true) return
  life.isPublishing = true
  try {
    for (;;) {
      const parcels = outbox.takeDue(platform.monotonicNow())
      if (parcels.length === 0) return
      await Promise.all(parcels.map((parcel) => publish(life, line, parcel)))
    }
  } finally {
    life.isPublishing = false
  }
}

async function publish({ counts, outbox, platform }: Life, line: Line, parcel: Parcel) {
  const { resourceId, cutOffs, isOfOthers } = parcel
  // The same cut-offs have the same id, whichever node publishes them and whatever it knew before.
  const id = createHash('sha256')
    .update(JSON.stringify(cutOffs.map(({ after: _, ...cutOff }) => cutOff)))
    .digest('base64url')
  const text = JSON.stringify({ cutOffs })
  try {
    await line.store({ subject: `${subjects.cutOffs}${resourceId}`, text, id })
    counts[isOfOthers ? 'republished' : 'published'] += cutOffs.length
  } catch {
    counts.failed += 1
    outbox.putBack(parcel, platform.monotonicNow())
  }
}

function watchedNumbers(life: Life): readonly WatchedNumber[] {
  const { counts } = life
  return [
    {
      name: 'parley_nats_connected',
      help: 'Whether this node is connected to NATS: 1 or 0.',
      type: 'gauge',
      read: () => Number(life.line?.isConnected() === true),
    },
    {
      name: 'parley_nats_published_total',
      help: 'Cut-offs of this node that NATS has taken.',
      type: 'counter',
      read: () => counts.published,
    },
    {
      name: 'parley_nats_republished_total',
      help: 'Cut-offs of other nodes that NATS has taken from this one.',
      type: 'counter',
      read: () => counts.republished,
    },
    {
      name: 'parley_nats_received_total',
      help: 'Notices of other nodes that came over NATS.',
      type: 'counter',
      read: () => counts.received,
    },
    {
      name: 'parley_nats_failed_total',
      help: 'Attempts to publish that NATS has not confirmed; each is made again.',
      type: 'counter',
      read: () => counts.failed,
    },
  ]
}

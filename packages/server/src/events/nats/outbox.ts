import type { RevocationEvent } from '@parley/protocol'

/** A cut-off as it is published: with the number after which nothing else of its resource came. */
export interface PublishedCutOff extends RevocationEvent {
  readonly after: number
}

/** Cut-offs of one resource that are published together. */
export interface Parcel {
  readonly resourceId: string
  /** In the order of the log. */
  readonly cutOffs: readonly PublishedCutOff[]
  /** Of another node, which has not done it. */
  readonly isOfOthers: boolean
}

/** What is still to be published. */
export interface Outbox {
  /** Takes a cut-off that this node has applied. */
  readonly put: (cutOff: PublishedCutOff, nowMs: number) => void
  /** Numbers that were committed here: they are published here, and at once. */
  readonly claim: (seqs: Iterable<number>, nowMs: number) => void
  /** Numbers that another node has published. */
  readonly leaveOut: (seqs: Iterable<number>) => void
  /** Takes what is to be published now. */
  readonly takeDue: (nowMs: number) => readonly Parcel[]
  /** Takes a parcel back that could not be published; it is due again later. */
  readonly putBack: (parcel: Parcel, nowMs: number) => void
}

const terms = {
  /** Whoever has committed is given so long to publish it, and by chance as much again. */
  patienceMs: 500,
  retryMs: 1000,
  /** Beyond this the oldest are left out; followers notice and ask the server itself. */
  entriesMax: 20_000,
  parcelCutOffsMax: 500,
}

interface Entry {
  readonly cutOff: PublishedCutOff
  isOwn: boolean
  dueAtMs: number
}

/** Creates an empty outbox. @param random - chance, 0..1, so that not all nodes help at once. */
export function createOutbox(random: () => number): Outbox {
  const entries = new Map<number, Entry>()
  const claimed = new Set<number>()
  const add = (entry: Entry) => {
    entries.set(entry.cutOff.seq, entry)
    const [oldest] = entries.keys()
    if (entries.size > terms.entriesMax && oldest !== undefined) entries.delete(oldest)
  }
  return {
    put(cutOff, nowMs) {
      const isOwn = claimed.delete(cutOff.seq)
      const waitMs = isOwn ? 0 : terms.patienceMs * (1 + random())
      add({ cutOff, isOwn, dueAtMs: nowMs + waitMs })
    },
    claim(seqs, nowMs) {
      for (const seq of seqs) {
        const entry = entries.get(seq)
        if (entry === undefined) claimed.add(seq)
        else Object.assign(entry, { isOwn: true, dueAtMs: nowMs })
      }
      const [oldest] = claimed
      if (claimed.size > terms.entriesMax && oldest !== undefined) claimed.delete(oldest)
    },
    leaveOut(seqs) {
      for (const seq of seqs) if (entries.get(seq)?.isOwn === false) entries.delete(seq)
    },
    takeDue(nowMs) {
      const due = [...entries.values()].filter(({ dueAtMs }) => dueAtMs <= nowMs)
      for (const { cutOff } of due) entries.delete(cutOff.seq)
      return parcelsOf(due)
    },
    putBack({ cutOffs, isOfOthers }, nowMs) {
      const dueAtMs = nowMs + terms.retryMs
      for (const cutOff of cutOffs) add({ cutOff, isOwn: !isOfOthers, dueAtMs })
    },
  }
}

function parcelsOf(entries: readonly Entry[]): readonly Parcel[] {
  const open = new Map<string, { readonly isOfOthers: boolean; cutOffs: PublishedCutOff[] }>()
  const parcels: Parcel[] = []
  const inOrder = entries.toSorted((one, other) => one.cutOff.seq - other.cutOff.seq)
  for (const { cutOff, isOwn } of inOrder) {
    const { resourceId } = cutOff
    let parcel = open.get(`${resourceId} ${isOwn}`)
    if (parcel === undefined || parcel.cutOffs.length >= terms.parcelCutOffsMax) {
      parcel = { isOfOthers: !isOwn, cutOffs: [] }
      open.set(`${resourceId} ${isOwn}`, parcel)
      parcels.push({ resourceId, ...parcel })
    }
    parcel.cutOffs.push(cutOff)
  }
  return parcels
}

/**
 * The tables of cut-offs: for each subject the lowest generation that still counts.
 *
 * Each kind of subject has a table of its own. Identities are cut off by the million, access keys
 * and resources hardly ever; in one table every question would wait for memory four times. Scopes
 * that were taken from identities have the fifth, which nobody asks while it is empty.
 *
 * A table is open addressing in one typed array: an entry is three words (the two halves of a
 * 64-bit fingerprint and the generation), so that a look-up touches one or two cache lines and a
 * million entries are no work for the garbage collector. An empty slot has generation 0, which
 * no cut-off has. The home of a fingerprint is its upper half scaled to the capacity, not masked:
 *
 * - any capacity will do, so the table grows by a fifth and takes 16..19.2 bytes an entry where
 *   doubling would take up to 32;
 * - homes are in the order of the fingerprints, so growing reads the old table and writes the new
 *   one from front to back: 40 ms at 10^6 entries, 340 at 10^7, half of what masked homes take.
 *
 * Cut-offs only rise and none is ever taken out; what is to be forgotten is left behind when the
 * table is built anew from those that stay.
 *
 * Rejected, with bytes an entry and microseconds a look-up at 10^6 entries: `Map` keyed by text
 * 78 B, 2.1 us; by 16 raw bytes 53 B, 0.8; by bigint 45 B, 0.63; a sorted array 12 B, 0.33-1.1,
 * built anew for each addition. A Bloom filter (1.8 B) voids good tokens, one in a thousand.
 */
import type { CarriedGeneration, CutOff, SubjectKind } from '@parley/protocol'
import { type Fingerprint, fingerprintOf } from './fingerprints.ts'

/** The cut-offs of every kind of subject; only `raiseCutOff` changes them. */
export interface CutOffs {
  readonly tables: Readonly<Record<SubjectKind, CutOffTable>>
  /** Changes with each cut-off that rises; equal versions mean equal answers. */
  version: number
}

/** The cut-offs of one kind of subject. */
export interface CutOffTable {
  /** Entries of three words: high and low half of a fingerprint, generation. */
  slots: Int32Array
  /** `capacity / 2^32`: takes the high half of a fingerprint to the number of its home slot. */
  scale: number
  /** Subjects with a cut-off. */
  size: number
  /** By what the capacity is multiplied when it is too small. */
  readonly growth: number
}

/** A subject of a token, with the table that would have its cut-off. */
export interface PlacedSubject extends Fingerprint {
  readonly kind: SubjectKind
  /** The generation that the token carries. */
  readonly carried: number
  readonly table: CutOffTable
}

const slotWords = 3
const capacityMin = 64
const loadMax = 0.75
const growthOfMany = 2

/** A table that is filled once is left so much of its room; one that lives grows by a fifth. */
const loadLeft = 0.7
const growthOfLiving = 1.2

/** More room than this, for so many as there are, is given back when a table has been filled. */
const roomMax = 1.05

/** Room is made for so many at a word; a table that needs more grows as they come. */
const reservedMax = 20_000_000

/**
 * Tables without cut-offs.
 *
 * @param isForMany - whether a whole snapshot follows, and then `replaceCutOffs`: they grow by
 *   doubling, which moves each of a million entries twice rather than six times.
 */
export function createCutOffs(isForMany = false): CutOffs {
  const growth = isForMany ? growthOfMany : growthOfLiving
  const tables = {
    identity: emptyTable(capacityMin, growth),
    'access-key': emptyTable(capacityMin, growth),
    resource: emptyTable(capacityMin, growth),
    token: emptyTable(capacityMin, growth),
    'identity-scope': emptyTable(capacityMin, growth),
  }
  return { tables, version: 0 }
}

/**
 * Raises the cut-off of a subject; one that is lower than what stands already changes nothing, so
 * cut-offs may come twice, late and in any order.
 *
 * @returns whether the cut-off rose.
 */
export function raiseCutOff(cutOffs: CutOffs, cutOff: CutOff): boolean {
  const { kind, generation } = cutOff
  const { high, low } = fingerprintOf(cutOff)
  return raiseFingerprint(cutOffs, cutOffs.tables[kind], { high, low, generation })
}

/** The same for a subject whose fingerprint is at hand. */
export function raiseFingerprint(
  cutOffs: CutOffs,
  table: CutOffTable,
  { high, low, generation }: Fingerprint & { readonly generation: number },
): boolean {
  if (table.size + 1 > (table.slots.length / slotWords) * loadMax) grow(table)
  const { slots } = table
  const at = findSlot(table, high, low)
  const current = (slots[at + 2] as number) >>> 0
  if (current >= generation) return false
  if (current === 0) table.size++
  slots[at] = high
  slots[at + 1] = low
  slots[at + 2] = generation
  cutOffs.version++
  return true
}

/** Makes room for so many more cut-offs of a kind at once, rather than bit by bit. */
export function reserveCutOffs({ tables }: CutOffs, kind: SubjectKind, count: number): void {
  const table = tables[kind]
  const capacity = Math.ceil((table.size + Math.min(count, reservedMax)) / loadLeft)
  if (capacity > table.slots.length / slotWords) moveTo(table, capacity)
}

/**
 * Puts other cut-offs in the place of all there are. Subjects that were placed stay placed; the
 * tables of `next` are taken over, so it is of no use afterwards.
 */
export function replaceCutOffs(cutOffs: CutOffs, next: CutOffs): void {
  for (const [kind, table] of Object.entries(next.tables)) {
    const capacity = Math.max(capacityMin, Math.ceil(table.size / loadLeft))
    if (table.slots.length / slotWords > capacity * roomMax) moveTo(table, capacity)
    const { slots, scale, size } = table
    Object.assign(cutOffs.tables[kind as SubjectKind], { slots, scale, size })
  }
  cutOffs.version++
}

/** Finds for a subject of a token what it takes to look its cut-off up, again and again. */
export function placeSubject(cutOffs: CutOffs, subject: CarriedGeneration): PlacedSubject {
  const { kind, carried } = subject
  const { high, low } = fingerprintOf(subject)
  return { kind, carried, table: cutOffs.tables[kind], high, low }
}

/** The lowest generation of a subject that still counts; 0 where nothing was cut off. */
export function lowestLive({ table, high, low }: Omit<PlacedSubject, 'carried'>): number {
  return (table.slots[findSlot(table, high, low) + 2] as number) >>> 0
}

/** Where a fingerprint's entry is, or the empty slot where it would go. */
function findSlot({ slots, scale }: CutOffTable, high: number, low: number): number {
  let at = Math.floor((high >>> 0) * scale) * slotWords
  while (slots[at + 2] !== 0 && !(slots[at] === high && slots[at + 1] === low)) {
    at += slotWords
    if (at === slots.length) at = 0
  }
  return at
}

function grow(table: CutOffTable): void {
  moveTo(table, Math.ceil((table.slots.length / slotWords) * table.growth))
}

function moveTo(table: CutOffTable, capacity: number): void {
  const old = table.slots
  const { slots, scale } = emptyTable(capacity, table.growth)
  table.slots = slots
  table.scale = scale
  for (let from = 0; from < old.length; from += slotWords) {
    if (old[from + 2] === 0) continue
    const to = findSlot(table, old[from] as number, old[from + 1] as number)
    slots[to] = old[from] as number
    slots[to + 1] = old[from + 1] as number
    slots[to + 2] = old[from + 2] as number
  }
}

function emptyTable(capacity: number, growth: number): CutOffTable {
  const slots = new Int32Array(capacity * slotWords)
  return { slots, scale: capacity / 2 ** 32, size: 0, growth }
}

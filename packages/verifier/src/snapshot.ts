/**
 * Cut-offs that are read as a whole, to take the place of those that count until then.
 */
import { type CutOff, isCutOff, isGuid, scopes } from '@parley/protocol'
import {
  type CutOffs,
  createCutOffs,
  raiseCutOff,
  raiseFingerprint,
  replaceCutOffs,
  reserveCutOffs,
} from './cut-offs.ts'
import { fingerprintOfBytes, type PackedKind, saltOf } from './fingerprints.ts'

/** Cut-offs that are being read, to take the place of those that count until then. */
export interface CutOffSnapshot {
  /** @throws TypeError for what no server writes. */
  apply(cutOff: CutOff): void
  /** Makes room for about so many of a kind, which spares moving them time and again. */
  expect(kind: PackedKind['kind'], count: number): void
  /**
   * Applies many of one kind: 20 bytes each, the id and four of its generation, the highest first;
   * for scopes 21, the place of the scope between the two.
   *
   * @throws TypeError for what no server writes, or bytes that are left over.
   */
  applyPacked(owned: PackedKind, records: Uint8Array): void
  /** Puts what was applied here in the place of everything that was applied before, once. */
  finish(): void
}

/** Begins a snapshot of `cutOffs`. What is over and forgotten is left behind by it. */
export function snapshotOf(cutOffs: CutOffs): CutOffSnapshot {
  const next = createCutOffs(true)
  return {
    expect: (kind, count) => reserveCutOffs(next, kind, count),
    apply: (cutOff) => raise(next, cutOff),
    applyPacked: (owned, records) => raisePacked(next, owned, records),
    finish: () => replaceCutOffs(cutOffs, next),
  }
}

/**
 * Raises a cut-off.
 *
 * @throws TypeError for what no server writes.
 */
export function raise(cutOffs: CutOffs, cutOff: CutOff): void {
  if (!isCutOff(cutOff)) throw new TypeError('cutOff: expected a kind, its ids and a generation')
  raiseCutOff(cutOffs, cutOff)
}

const idBytes = 16
const generationBytes = 4

function raisePacked(cutOffs: CutOffs, owned: PackedKind, records: Uint8Array): void {
  const placeBytes = owned.kind === 'identity-scope' ? 1 : 0
  const recordBytes = idBytes + placeBytes + generationBytes
  if (records.length % recordBytes !== 0 || !isGuid(owned.resourceId)) {
    throw new TypeError('records: expected 20 or 21 bytes each, of a resource')
  }
  const view = new DataView(records.buffer, records.byteOffset, records.length)
  const salts = (placeBytes === 0 ? [''] : scopes).map((_, place) => saltOf(owned, place))
  const table = cutOffs.tables[owned.kind]
  for (let at = 0; at < records.length; at += recordBytes) {
    const generation = view.getUint32(at + idBytes + placeBytes)
    const salt = salts[placeBytes === 0 ? 0 : view.getUint8(at + idBytes)]
    if (generation < 2 || salt === undefined) {
      throw new TypeError('records: expected generations from 2 on, of scopes that there are')
    }
    const { high, low } = fingerprintOfBytes(salt, view, at)
    raiseFingerprint(cutOffs, table, { high, low, generation })
  }
}

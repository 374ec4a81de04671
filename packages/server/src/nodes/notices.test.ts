import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { EventBatch } from '../events/model.ts'
import { createNoticeReader } from './notices.ts'

const resourceId = '0190a5ad-93f4-7c1e-8d2b-3c4d5e6f7a8b'
const identityId = '11111111-1111-4111-8111-111111111111'

/** A reader of a node that has applied the log up to 7. */
function readerAtSeven() {
  const offered: EventBatch[] = []
  const heard: string[] = []
  const tail = { appliedSeq: () => 7, offer: (batch: EventBatch) => void offered.push(batch) }
  return {
    read: createNoticeReader({ tail, listeners: [(text) => heard.push(text)] }),
    offered,
    heard,
  }
}

const notice = (seq: number, generation = 2) =>
  `${seq - 1}:${seq}:identity:${resourceId}:1780000000000:${identityId}=${generation}`

describe('the reader of notices', () => {
  test('hands over what comes after the last number that was applied, with its instant', () => {
    const { read, offered, heard } = readerAtSeven()
    read('appended:8:1780000000123456')
    read(notice(8))
    assert.deepEqual(
      offered.map(({ seqBefore, seqLast, events }) => [seqBefore, seqLast, events?.length]),
      [[7, 8, 1]],
    )
    assert.equal(offered[0]?.events?.[0]?.appendedAtMs, 1_780_000_000_123.456)
    assert.deepEqual(heard, [])
  })

  test('passes over what was applied', () => {
    const { read, offered, heard } = readerAtSeven()
    for (const text of [notice(6), notice(7), '5:7', '0:1']) read(text)
    assert.deepEqual([offered, heard], [[], []])
  })

  test('hands over numbers alone, of which some were applied', () => {
    const { read, offered } = readerAtSeven()
    read('5:9')
    assert.deepEqual(offered, [{ seqBefore: 5, seqLast: 9, events: undefined }])
  })

  test('leaves other texts to whoever listens', () => {
    const { read, offered, heard } = readerAtSeven()
    for (const text of ['canary:1', '', '12']) read(text)
    assert.deepEqual([offered, heard], [[], ['canary:1', '', '12']])
  })
})

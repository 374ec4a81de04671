import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  batchOf,
  eventOfLine,
  type LogEvent,
  lastSeqOfNotice,
  parseAppendedNotice,
  parseNotice,
} from './model.ts'

const resourceId = '0190a5ad-93f4-7c1e-8d2b-3c4d5e6f7a8b'
const one = '11111111-1111-4111-8111-111111111111'
const other = '22222222-2222-4222-8222-222222222222'

describe('a notice', () => {
  test('carries cut-offs of one cause', () => {
    const text = `7:9:identity:${resourceId}:1780000000000:${one}=4,${other}=4294967295`
    const shared = { kind: 'identity', resourceId, forgetAtMs: 1_780_000_000_000 } as const
    assert.deepEqual(parseNotice(text), {
      seqBefore: 7,
      seqLast: 9,
      events: [
        { ...shared, subject: one, generation: 4, seq: 8 },
        { ...shared, subject: other, generation: 4_294_967_295, seq: 9 },
      ],
    })
  })

  test('carries changes, which have no generation', () => {
    const text = `7:8:resource-changed:${resourceId}:1780000000000:${resourceId}=0`
    const events = [{ kind: 'resource-changed', resourceId, seq: 8 }]
    assert.deepEqual(parseNotice(text), { seqBefore: 7, seqLast: 8, events })
  })

  test('is told before it when its events were appended, to the microsecond', () => {
    const appended = parseAppendedNotice('appended:8:1780000000123456')
    assert.deepEqual(appended, { seqLast: 8, appendedAtMs: 1_780_000_000_123.456 })
    const text = `7:8:resource-changed:${resourceId}:1780000000000:${resourceId}=0`
    const event = { kind: 'resource-changed', resourceId, seq: 8 }
    const { appendedAtMs } = appended ?? {}
    const noted = [{ ...event, appendedAtMs }]
    assert.deepEqual(parseNotice(text, appended), { seqBefore: 7, seqLast: 8, events: noted })
    // What was told of others, whose own notice was missed, is not taken for these.
    const others = { seqLast: 7, appendedAtMs: 1 }
    assert.deepEqual(parseNotice(text, others), { seqBefore: 7, seqLast: 8, events: [event] })
    assert.equal(parseNotice('appended:8:1780000000123456'), undefined)
  })

  const withoutEvents = ['7:9', `7:9:identity:${resourceId}:1780000000000:${one}=4`]
  for (const text of withoutEvents) {
    test(`leaves its events to be read: ${text}`, () => {
      assert.deepEqual(parseNotice(text), { seqBefore: 7, seqLast: 9, events: undefined })
    })
  }

  test('tells its last number without its events being read', () => {
    assert.equal(lastSeqOfNotice(`7:9:planet:${resourceId}:1780000000000:${one}=4`), 9)
    assert.equal(lastSeqOfNotice('7:9'), 9)
    for (const text of ['', '7', '7:', 'appended:8:1780000000123456', 'canary:7:9']) {
      assert.equal(lastSeqOfNotice(text), undefined)
    }
  })

  test('carries scopes that were taken', () => {
    const text = `7:9:identity-scope:${resourceId}:1780000000000:${one}-1=4,${one}-4=4`
    const shared = { kind: 'identity-scope', resourceId, forgetAtMs: 1_780_000_000_000 } as const
    assert.deepEqual(parseNotice(text)?.events, [
      { ...shared, subject: `${one}-1`, generation: 4, seq: 8 },
      { ...shared, subject: `${one}-4`, generation: 4, seq: 9 },
    ])
  })

  test('of a kind that is not known leaves its events to be read, where they are refused', () => {
    const text = `7:8:planet:${resourceId}:1780000000000:${one}=4`
    assert.deepEqual(parseNotice(text), { seqBefore: 7, seqLast: 8, events: undefined })
    const line = { kind: 'planet', resourceId, subject: one, generation: 4, seq: 8, forgetAtMs: 0 }
    assert.throws(() => eventOfLine(line), /kind planet/)
  })

  for (const text of ['', 'x', '7', '7:', '7:9:', `7:9:identity:${resourceId}`, '-1:2']) {
    test(`is none: "${text}"`, () => {
      assert.equal(parseNotice(text), undefined)
    })
  }
})

describe('a batch', () => {
  const eventOf = (seq: number): LogEvent => ({ kind: 'resource-changed', resourceId, seq })

  test('has its events in their order', () => {
    const events = [eventOf(3), eventOf(2)]
    assert.deepEqual(batchOf(events), { seqBefore: 1, seqLast: 3, events: events.toReversed() })
  })

  test('is to be read where something between its events is missing', () => {
    const batch = { seqBefore: 1, seqLast: 4, events: undefined }
    assert.deepEqual(batchOf([eventOf(2), eventOf(4)]), batch)
  })

  test('is nothing without events', () => {
    assert.equal(batchOf([]), undefined)
  })
})

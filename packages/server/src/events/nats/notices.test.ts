import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { describe, test } from 'node:test'
import { type LogEvent, parseAppendedNotice, parseNotice } from '../model.ts'
import { createNoticeSeal, printNotices } from './notices.ts'

const resourceId = '0199a6b2-7c00-7000-8000-000000000001'
const forgetAtMs = 1_780_000_000_000

function cutOff(seq: number, subject: string, changes: object = {}): LogEvent {
  return { kind: 'identity', resourceId, subject, generation: 2, seq, forgetAtMs, ...changes }
}

describe('notices of a batch', () => {
  const one = cutOff(8, resourceId)
  const batches: readonly (readonly [string, readonly LogEvent[]])[] = [
    ['one event', [one]],
    ['events of one cause', [one, cutOff(9, '0199a6b2-7c00-7000-8000-00000000000a')]],
    [
      'a change of a part',
      [{ kind: 'resource-changed', resourceId, seq: 8, part: resourceId.replace('1', '2') }],
    ],
    ['a change', [{ kind: 'signing-keys-changed', resourceId, seq: 8 }]],
    [
      'several causes',
      [
        one,
        cutOff(9, resourceId, { kind: 'token', forgetAtMs: forgetAtMs + 1 }),
        { kind: 'resource-changed', resourceId, seq: 10 },
        cutOff(11, `${resourceId}-3`, { kind: 'identity-scope' }),
        cutOff(12, 'primary', { kind: 'access-key' }),
      ],
    ],
  ]
  for (const [what, events] of batches) {
    test(`are read as those of the database are: ${what}`, () => {
      const text = printNotices({ seqBefore: 7, seqLast: 7 + events.length, events })
      const read = text.split('\n').map((line) => parseNotice(line))
      assert.deepEqual(
        read.flatMap((batch) => batch?.events ?? []),
        events,
      )
      assert.equal(read[0]?.seqBefore, 7)
      for (const [index, batch] of read.entries()) {
        if (index > 0) assert.equal(batch?.seqBefore, read[index - 1]?.seqLast)
      }
    })
  }

  test('tell when they were appended, before the events of that instant', () => {
    const events = [
      cutOff(8, resourceId, { appendedAtMs: 1_780_000_000_000.5 }),
      cutOff(9, resourceId, { appendedAtMs: 1_780_000_000_001 }),
    ]
    const lines = printNotices({ seqBefore: 7, seqLast: 9, events }).split('\n')
    const instants = lines.map((line) => parseAppendedNotice(line))
    assert.deepEqual(
      instants.filter((instant) => instant !== undefined),
      [
        { seqLast: 8, appendedAtMs: 1_780_000_000_000.5 },
        { seqLast: 9, appendedAtMs: 1_780_000_000_001 },
      ],
    )
  })

  test('tell only numbers where the events are not at hand', () => {
    assert.equal(printNotices({ seqBefore: 7, seqLast: 9, events: undefined }), '7:9')
  })
})

describe('the seal of notices', () => {
  const logName = () => '00000001'
  const sealWith = (byte: number) =>
    createNoticeSeal({ key: createSecretKey(Buffer.alloc(32, byte)), logName })
  const seal = sealWith(1)

  test('opens what a node of the installation has sealed', () => {
    assert.equal(sealWith(1).open(seal.seal('7:9')), '7:9')
  })

  test('opens nothing else', () => {
    const sealed = seal.seal('7:9')
    assert.equal(sealWith(2).open(sealed), undefined)
    assert.equal(seal.open(`${sealed}0`), undefined)
    assert.equal(seal.open('7:9'), undefined)
    assert.equal(seal.open(`${'ä'.repeat(43)}7:9`), undefined)
  })

  test('opens nothing of another log', () => {
    const key = createSecretKey(Buffer.alloc(32, 1))
    const promoted = createNoticeSeal({ key, logName: () => '00000002' })
    assert.equal(promoted.open(seal.seal('7:9')), undefined)
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { serverLimits } from '../../contract/limits.ts'
import type { NoticeEvent } from '../notices.ts'
import { printNotice } from './bodies.ts'
import type { Returned } from './endpoint-store.ts'
import {
  catchUp,
  createSession,
  give,
  isFailing,
  placeOf,
  receive,
  sessionLimits,
  tend,
} from './session.ts'

const event: NoticeEvent = {
  kind: 'typingIndicatorReceived',
  by: { rawId: '8:acs:r_a', displayName: '' },
  atMs: 0,
}
const printed = printNotice('19:t@thread.v2', event)
const body = JSON.stringify({ threadId: '19:t@thread.v2', event })

/** A session at second 0, and what was sent to it. */
function sessionOf(isGreeted = true) {
  const sent: string[] = []
  const pending = { bytes: 0 }
  const transport = {
    send: (frame: string) => void sent.push(frame),
    pendingBytes: () => pending.bytes,
    close: () => undefined,
  }
  const ids = { resourceId: 'r', identityId: 'i', endpointId: 'e', sessionId: 's' }
  const guest = {
    ...ids,
    rawId: '8:acs:r_i',
    expiresAtMs: 1_000_000,
    subjects: [],
    needed: [],
    transport,
  }
  const session = createSession({ ...guest, isGreeted }, 'i', 0)
  const numbers = () => sent.flatMap((frame) => /^3:::\{"id":(\d+)/.exec(frame)?.[1] ?? [])
  const say = (seq: number, atMs = 0) => give(session, { seq, printed }, atMs)
  const answer = (id: number) => receive(session, `3:::{"id":${id},"status":200}`, 0)
  return { session, sent, numbers, say, answer, pending }
}

const nothingMissed: Returned = { floorSeq: 5, heardSeqs: [], missed: [] }
const heardUpTo = (floorSeq: number) => ({ floorSeq: () => floorSeq })

describe('a client that has come', () => {
  test('gets what was missed, then what came meanwhile, each once', () => {
    const { session, sent, say, numbers } = sessionOf(false)
    for (const seq of [8, 9, 6]) say(seq)
    assert.deepEqual(sent, [])
    const missed = [7, 8].map((seq) => ({ seq, body }))
    catchUp(session, { returned: { floorSeq: 5, heardSeqs: [6], missed }, baseSeq: 9 }, 0)
    assert.match(String(sent[0]), /trouter\.connected/)
    assert.deepEqual(numbers(), ['1', '2', '3'])
    assert.deepEqual(
      [...(session.unanswered?.values() ?? [])].map(({ seq }) => seq),
      [7, 8, 9],
    )
    for (const seq of [6, 7, 8]) say(seq)
    assert.equal(numbers().length, 3)
    tend(session, sessionLimits.caughtUpMs + 1)
    say(8)
    assert.equal(numbers().length, 4)
  })

  test('that is new begins where the node is, whatever came before', () => {
    const { session, answer, say } = sessionOf()
    catchUp(session, { returned: undefined, baseSeq: 9 }, 0)
    assert.deepEqual(placeOf(session, heardUpTo(3)), { floorSeq: 9, heardSeqs: [] })
    say(8)
    say(11)
    answer(1)
    answer(2)
    assert.deepEqual(placeOf(session, heardUpTo(3)), { floorSeq: 9, heardSeqs: [11] })
  })
})

describe('how far a client has heard', () => {
  test('is as far as its node, but for what it has not answered', () => {
    const { session, answer, say } = sessionOf()
    catchUp(session, { returned: nothingMissed, baseSeq: 0 }, 0)
    for (const seq of [10, 11, 12, 13]) say(seq)
    for (const id of [1, 3]) answer(id)
    assert.deepEqual(placeOf(session, heardUpTo(8)), { floorSeq: 8, heardSeqs: [10, 12] })
    assert.deepEqual(placeOf(session, heardUpTo(20)), { floorSeq: 10, heardSeqs: [12] })
    for (const id of [2, 4, 4, 9]) answer(id)
    assert.deepEqual(placeOf(session, heardUpTo(20)), { floorSeq: 20, heardSeqs: [] })
  })

  test('does not count what is not kept', () => {
    const { session, say } = sessionOf()
    catchUp(session, { returned: nothingMissed, baseSeq: 0 }, 0)
    say(0)
    assert.equal(session.unanswered, undefined)
  })
})

describe('a client', () => {
  const { silentMs, quietMs } = sessionLimits
  const {
    chatAnswerWithinMs: answerWithinMs,
    chatSocketBufferBytesMax: pendingBytesMax,
    chatUnansweredMax: unansweredMax,
  } = serverLimits
  const at = (monotonicMs: number, nowMs = 0) => ({ monotonicMs, nowMs })

  test('is cut off when its token expires, not before', () => {
    const { session } = sessionOf()
    assert.equal(isFailing(session, at(0, 999_999)), false)
    assert.equal(isFailing(session, at(0, 1_000_000)), true)
  })

  test('is cut off when it is silent for too long, after it was asked', () => {
    const { session, sent } = sessionOf()
    assert.equal(isFailing(session, at(silentMs)), false)
    assert.equal(isFailing(session, at(silentMs + 1)), true)
    tend(session, quietMs)
    assert.deepEqual(sent, [])
    tend(session, quietMs + 1)
    assert.deepEqual(sent, ['2::'])
  })

  test('is cut off when it takes too little', () => {
    const { session, pending } = sessionOf()
    pending.bytes = pendingBytesMax
    assert.equal(isFailing(session, at(0)), false)
    pending.bytes += 1
    assert.equal(isFailing(session, at(0)), true)
  })

  test('is cut off when it answers nothing', () => {
    const { session, say, answer } = sessionOf()
    catchUp(session, { returned: nothingMissed, baseSeq: 0 }, 0)
    session.seenAtMs = answerWithinMs
    say(10)
    say(11, answerWithinMs)
    assert.equal(isFailing(session, at(answerWithinMs)), false)
    assert.equal(isFailing(session, at(answerWithinMs + 1)), true)
    answer(1)
    session.seenAtMs = answerWithinMs
    assert.equal(isFailing(session, at(answerWithinMs + 1)), false)
    for (let seq = 12; seq < 12 + unansweredMax; seq++) say(seq, answerWithinMs)
    assert.equal(isFailing(session, at(answerWithinMs + 1)), true)
  })

  test('is cut off when more waits for it than it could be given', () => {
    const { session, say } = sessionOf()
    for (let seq = 1; seq <= unansweredMax + 1; seq++) say(seq)
    assert.equal(isFailing(session, at(0)), true)
  })
})

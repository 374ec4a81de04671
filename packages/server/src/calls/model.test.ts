import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Result } from '@parley/protocol'
import { accept, cancel, reject, timeOut } from './answers.ts'
import { type Coming, endAll, endLegs, enter, mute } from './legs.ts'
import { type Call, type CallFault, liveLegs, type Step, uncountedSeconds } from './model.ts'
import { add, ring } from './rings.ts'

const noonMs = Date.parse('2026-03-01T12:00:00Z')
const resourceId = '00000000-0000-4000-8000-00000000000a'
const [ann, bob, cid] = ['1', '2', '3'].map((end) => resourceId.slice(0, -1) + end) as [
  string,
  string,
  string,
]

const empty: Call = {
  ...{ resourceId, callId: 'call', media: 'audio', engine: 'mesh', roomId: undefined },
  ...{ isJoinable: false, createdAtMs: noonMs, end: undefined, legs: [], rings: [] },
}

function coming(identityId: string, device = identityId, atMs = noonMs): Coming {
  const direction = identityId === ann ? 'started' : 'answered'
  const place = { legId: `leg of ${device}`, direction, role: 'Presenter', atMs } as const
  return { ...place, identityId, deviceId: device, legsMax: 3 }
}

function done(taken: Result<Step, CallFault>): Step {
  assert.ok(taken.ok, JSON.stringify(taken))
  return taken.value
}

function code(taken: Result<Step, CallFault>): string {
  return taken.ok ? 'done' : taken.fault.code
}

/** Ann calls some. */
function ringing(...to: readonly string[]): Call {
  const { call } = done(enter(empty, coming(ann)))
  return ring(call, { from: { identityId: ann }, to, expiresAtMs: noonMs + 45_000 }).call
}

/** Ann talks to Bob. */
const talking = done(accept(ringing(bob), coming(bob))).call

const told = ({ tellings }: Step) =>
  tellings
    .filter(({ devices }) => devices === undefined || devices.length > 0)
    .map(({ event }) => ('reason' in event ? `${event.type} ${event.reason}` : event.type))

describe('a call that rings', () => {
  test('is taken by the first device, and by no other', () => {
    const { call } = done(accept(ringing(bob), coming(bob, 'first')))
    assert.equal(code(accept(call, coming(bob, 'second'))), 'CallNotRinging')
    assert.equal(liveLegs(call).length, 2)
  })

  test('is none of who is not called', () => {
    assert.equal(code(accept(ringing(bob), coming(cid))), 'CallNotFound')
    assert.equal(code(reject(ringing(bob), coming(cid))), 'CallNotFound')
  })

  for (const [afterMs, outcome] of [
    [44_999, 'done'],
    [45_000, 'CallNotRinging'],
  ] as const) {
    test(`is answered ${outcome} after ${afterMs} ms`, () => {
      assert.equal(code(accept(ringing(bob), coming(bob, bob, noonMs + afterMs))), outcome)
      assert.equal(timeOut(ringing(bob), noonMs + afterMs) === undefined, outcome === 'done')
    })
  }

  test('goes on while another one rings, and ends with the last rejection', () => {
    const once = done(reject(ringing(bob, cid), coming(bob)))
    assert.equal(once.call.end, undefined)
    const { call } = done(reject(once.call, coming(cid)))
    assert.equal(call.end?.reason, 'rejected')
    assert.deepEqual(liveLegs(call), [])
  })

  test('goes on ringing others when one has accepted', () => {
    const { call } = done(accept(ringing(bob, cid), coming(bob)))
    assert.deepEqual(
      call.rings.map(({ state }) => state),
      ['accepted', 'ringing'],
    )
  })

  test('rings nobody any more when the caller is gone, whatever took it', () => {
    const gone = endLegs(ringing(bob), {
      ...{ isMeant: ({ identityId }) => identityId === ann, reason: 'revoked', atMs: noonMs },
    })
    assert.ok(gone)
    assert.deepEqual(told(gone), ['call.ended revoked', 'call.cancelled revoked'])
    assert.equal(gone.call.rings[0]?.state, 'cancelled')
  })

  test('is taken back before anybody has come, and not later', () => {
    assert.equal(done(cancel(ringing(bob), coming(ann))).call.end?.reason, 'cancelled')
    assert.equal(code(cancel(talking, coming(ann))), 'CallNotRinging')
    assert.equal(code(cancel(ringing(bob), coming(bob))), 'LegNotFound')
  })
})

describe('a call', () => {
  test('is over when one of two is left, and goes on with two of three', () => {
    const isMeant = ({ identityId }: { readonly identityId: string | undefined }) =>
      identityId === bob
    const ending = { isMeant, reason: 'left', atMs: noonMs } as const
    assert.equal(endLegs(talking, ending)?.call.end?.reason, 'left')
    const three = done(enter(talking, coming(cid))).call
    assert.equal(endLegs(three, ending)?.call.end, undefined)
  })

  test('that others may join goes on with one, and ends with none', () => {
    const alone = done(enter({ ...empty, isJoinable: true }, coming(ann))).call
    const joined = done(enter(alone, coming(bob))).call
    const one = endLegs(joined, {
      ...{ isMeant: ({ identityId }) => identityId === bob, reason: 'left', atMs: noonMs },
    })
    assert.equal(one?.call.end, undefined)
    const none = endLegs(one?.call ?? empty, {
      ...{ isMeant: () => true, reason: 'left', atMs: noonMs },
    })
    assert.equal(none?.call.end?.reason, 'left')
  })

  test('has a place for each device, once, and no more than there is room', () => {
    assert.equal(code(enter(talking, coming(bob))), 'AlreadyJoined')
    const full = done(enter(talking, coming(bob, 'another'))).call
    assert.equal(code(enter(full, coming(cid))), 'CallFull')
  })

  test('ends once', () => {
    const { call } = endAll(talking, { atMs: noonMs, reason: 'ended', ringReason: 'caller' })
    const again = endAll(call, { atMs: noonMs + 1, reason: 'left', ringReason: 'caller' })
    assert.deepEqual(again, { call, tellings: [] })
    assert.equal(code(enter(call, coming(cid))), 'CallNotFound')
  })

  test('rings one more who is not in it, and does not ring already', () => {
    const asked = { from: { identityId: ann }, expiresAtMs: noonMs + 1, calleesMax: 1 }
    const { call } = done(add(talking, { ...asked, to: cid }))
    assert.equal(code(add(call, { ...asked, to: cid })), 'AlreadyJoined')
    assert.equal(code(add(talking, { ...asked, to: bob })), 'AlreadyJoined')
    const another = resourceId.replace(/.$/, '4')
    assert.equal(code(add(call, { ...asked, to: another })), 'TooMany')
  })

  test('tells the others who is muted', () => {
    const step = done(mute(talking, { deviceId: bob, isMuted: true }))
    assert.deepEqual(step.tellings[0]?.devices, [ann])
    assert.equal(code(mute(talking, { deviceId: cid, isMuted: true })), 'LegNotFound')
  })
})

describe('the time of a leg', () => {
  test('begins when it is no longer alone', () => {
    assert.equal(liveLegs(ringing(bob))[0]?.connectedAtMs, undefined)
    const { call } = done(accept(ringing(bob), coming(bob, bob, noonMs + 5000)))
    assert.deepEqual(
      liveLegs(call).map(({ connectedAtMs }) => connectedAtMs),
      [noonMs + 5000, noonMs + 5000],
    )
  })

  for (const [connected, counted, untilMs, seconds] of [
    [undefined, 0, 90_000, 0],
    [0, 0, 999, 0],
    [0, 0, 1000, 1],
    [0, 60, 61_500, 1],
    [0, 60, 30_000, 0],
  ] as const) {
    test(`is ${seconds} s, of ${untilMs} ms with ${counted} counted`, () => {
      const connectedAtMs = connected === undefined ? undefined : noonMs + connected
      const leg = { connectedAtMs, countedSeconds: counted }
      assert.equal(uncountedSeconds(leg, noonMs + untilMs), seconds)
    })
  }
})

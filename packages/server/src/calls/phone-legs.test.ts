import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { cancel } from './answers.ts'
import { endLegs, enter } from './legs.ts'
import { type Call, liveLegs, type Step } from './model.ts'
import { type ComingPhone, connect, enterPhone } from './phone-legs.ts'

const noonMs = Date.parse('2026-03-01T12:00:00Z')
const resourceId = '00000000-0000-4000-8000-00000000000a'
const [ann, bob] = [resourceId.replace(/.$/, '1'), resourceId.replace(/.$/, '2')]
const party = (identityId: string) => ({
  ...{
    identityId,
    deviceId: identityId,
    legId: `leg of ${identityId}`,
    role: 'Presenter' as const,
  },
  ...{ direction: 'started' as const, atMs: noonMs, legsMax: 3 },
})
const phone = {
  ...{ legId: 'line', deviceId: 'line', phone: '+15550100', direction: 'answered' },
  ...{ role: 'Attendee', atMs: noonMs, legsMax: 3 },
} as const satisfies ComingPhone
const answered = { legId: 'line', atMs: noonMs + 5000 }
const ended = { atMs: noonMs + 9000, reason: 'disconnected' } as const

const empty: Call = {
  ...{ resourceId, callId: 'call', media: 'audio', engine: 'janus', roomId: undefined },
  ...{ isJoinable: false, createdAtMs: noonMs, end: undefined, legs: [], rings: [] },
}

function step<Fault>(taken: { ok: true; value: Step } | { ok: false; fault: Fault }): Step {
  assert.ok(taken.ok, JSON.stringify(taken))
  return taken.value
}

const told = (taken: Step | undefined) =>
  taken?.tellings
    .filter(({ devices }) => devices?.includes(ann))
    .map(({ event }) => [event.type, 'state' in event ? event.state : ''])

const waiting = step(enter(empty, party(ann))).call
const dialled = step(enterPhone(waiting, phone))

describe('a phone that is dialled', () => {
  test('rings until it answers, and is charged from there', () => {
    assert.deepEqual(told(dialled), [['callee.updated', 'ringing']])
    const [caller] = liveLegs(dialled.call)
    assert.equal(caller?.connectedAtMs, undefined)
    const taken = connect(dialled.call, answered)
    assert.deepEqual(told(taken), [
      ['callee.updated', 'accepted'],
      ['participant.joined', ''],
    ])
    for (const leg of taken?.call.legs ?? []) assert.equal(leg.connectedAtMs, answered.atMs)
    assert.equal(connect(taken?.call ?? empty, answered), undefined)
  })

  test('connects nobody else while it rings', () => {
    const { call } = step(enter(dialled.call, party(bob)))
    const connected = liveLegs(call).map(({ connectedAtMs }) => connectedAtMs !== undefined)
    assert.deepEqual(connected, [true, false, true])
  })

  test('that hangs up has rejected, and ends the call of one', () => {
    const isMeant = ({ legId }: { readonly legId: string }) => legId === 'line'
    const taken = endLegs(dialled.call, { isMeant, ...ended })
    assert.deepEqual(told(taken)?.[0], ['callee.updated', 'rejected'])
    assert.equal(taken?.call.end?.reason, 'disconnected')
  })

  test('is given up with the call of who dialled it', () => {
    const taken = step(cancel(dialled.call, { ...party(ann) }))
    assert.ok(taken.call.legs.every(({ end }) => end !== undefined))
  })

  test('is not left alone, even in a room', () => {
    const { call } = step(enterPhone({ ...waiting, roomId: '1' }, phone))
    const isMeant = ({ deviceId }: { readonly deviceId: string }) => deviceId === ann
    const taken = endLegs(call, { isMeant, ...ended })
    assert.equal(taken?.call.end?.reason, 'disconnected')
    assert.ok(taken?.call.legs.every(({ end }) => end !== undefined))
  })

  test('has one line into a call, and none into a full one', () => {
    const again = enterPhone(dialled.call, { ...phone, legId: 'l', deviceId: 'l' })
    assert.equal(!again.ok && again.fault.code, 'AlreadyJoined')
    const full = enterPhone(waiting, { ...phone, legsMax: 1 })
    assert.equal(!full.ok && full.fault.code, 'CallFull')
  })
})

test('a phone that calls is connected when somebody comes', () => {
  const { call } = step(enterPhone(empty, { ...phone, direction: 'started' }))
  const joined = step(enter(call, { ...party(bob), atMs: noonMs + 1000 }))
  const connected = liveLegs(joined.call).map(({ connectedAtMs }) => connectedAtMs)
  assert.deepEqual(connected, [noonMs + 1000, noonMs + 1000])
})

/**
 * Groups who really call each other by a Janus of Debian: `@parley/calling` in Chromium, with
 * synthetic microphones and cameras. What is heard is judged by the browser's own figures.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { postRevoke } from '../calls.ts'
import { lacks } from './daemons.ts'
import { type Group, type Member, openGroup } from './group.ts'
import { speakInPage } from './groups-in-page.ts'

describe('calls of groups', {
  skip: lacks('calls of groups by Janus', 'janus', 'chromium'),
}, () => {
  let group: Group

  before(async () => {
    group = await openGroup()
  })

  afterEach(() => group?.leave())
  after(() => group?.close())

  test('three hear each other in a mix, and not themselves', async () => {
    const people = await group.talking(3)
    for (const speaker of people) {
      const others = people.filter((one) => one !== speaker)
      await Promise.all(others.map((one) => one.act('mute')))
      await Promise.all([...others.map((one) => one.hears(1)), speaker.hearsNothing()])
      await Promise.all(others.map((one) => one.act('unmute')))
    }
  })

  test('three see and hear each other, each by themselves', async () => {
    const people = await group.showing(3)
    await Promise.all(people.map((one) => one.hearsEach(2)))
    await Promise.all(people.map((one) => one.seesEach(2)))
    const shown = await Promise.all(people.map((one) => one.act('videoOfOthers')))
    assert.deepEqual(shown, ['2', '2', '2'])
  })

  test('video is off for the others when its camera is, and on again with it', async () => {
    const [ann, bob] = await group.showing(3)
    assert.ok(ann !== undefined && bob !== undefined)
    await ann.heard('video on')
    await bob.act('stopVideo')
    await ann.heard('video off')
    await bob.act('startVideo')
    await ann.seesEach(2)
  })

  test('who comes later is heard and seen, and who leaves is gone', async () => {
    const people = await group.showing(3)
    const [ann, bob, eve] = people
    assert.ok(ann !== undefined && bob !== undefined && eve !== undefined)
    const dan = await group.come()
    await ann.act('add', dan.id)
    await dan.acceptShown()
    await Promise.all([...people, dan].map((one) => one.hearsEach(3)))
    await eve.act('hangUp')
    await Promise.all([ann, bob, dan].map((one) => one.heard('left left')))
    await Promise.all([ann, bob, dan].map((one) => one.hearsEach(2)))
  })

  /** Revokes somebody, and gives how long after the answer each of two looks still saw a packet. */
  async function revoked(victim: Member, other: Member, of?: Member): Promise<readonly number[]> {
    await victim.stay()
    const looks = [victim.lastSound(2000), other.lastSound(2000, of)]
    // Sound has to flow while it is being looked for.
    await victim.hears(1)
    assert.equal((await postRevoke(group.tenant, victim.id)).status, 204)
    const answeredAtMs = Date.now()
    const seen = await Promise.all(looks)
    assert.ok(
      seen.every((atMs) => atMs > answeredAtMs - 5000),
      'nothing was heard before',
    )
    return seen.map((atMs) => atMs - answeredAtMs)
  }

  const median = (values: readonly number[]) =>
    values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN

  test('who is revoked is heard no more and hears no more, though their client stays', async () => {
    const [ann, ...victims] = await group.apart(4)
    assert.ok(ann !== undefined)
    const delays: number[][] = [[], []]
    for (const victim of victims) {
      const [atVictim = 0, atOther = 0] = await revoked(victim, ann, victim)
      delays[0]?.push(atVictim)
      delays[1]?.push(atOther)
    }
    console.log(`# last packet after a revocation: ${JSON.stringify(delays)} ms`)
    for (const of of delays) assert.ok(median(of) <= 500, JSON.stringify(delays))
  })

  test('who is revoked is out of the mix, and is sent none of it', async () => {
    const [ann, bob, ...victims] = await group.talking(4)
    assert.ok(ann !== undefined && bob !== undefined)
    const delays: number[] = []
    for (const victim of victims) delays.push((await revoked(victim, ann))[0] ?? 0)
    console.log(`# last packet of the mix after a revocation: ${JSON.stringify(delays)} ms`)
    assert.ok(median(delays) <= 500, JSON.stringify(delays))
    await bob.act('mute')
    await ann.hearsNothing()
  })

  test('a group goes on when Janus dies and comes again', async () => {
    const people = await group.talking(3)
    await group.janus.kill()
    await group.janus.start()
    await Promise.all(people.map((one) => one.hears(1)))
    const told = (await Promise.all(people.map((one) => one.told()))).flat()
    assert.ok(!told.includes('call Disconnected'), told.join(', '))
  })

  test('a group goes on from peer to peer when Janus is gone for good', async () => {
    const people = await group.talking(3)
    await group.janus.kill()
    try {
      await Promise.all(people.map((one) => one.hears(2)))
    } finally {
      await group.janus.start()
    }
  })

  /** A presenter, an attendee and a consumer in the call of a room. */
  async function inRoom(isShown: boolean): Promise<readonly [Member, Member, Member]> {
    const people = [await group.come(), await group.come(), await group.come()] as const
    const [ann, bob, eve] = people
    const roles = { [ann.id]: 'Presenter', [bob.id]: 'Attendee', [eve.id]: 'Consumer' }
    const participants = Object.fromEntries(
      Object.entries(roles).map(([id, role]) => [id, { role }]),
    )
    const path = '/rooms?api-version=2025-03-13'
    const made = await group.tenant.call({ method: 'POST', path, body: { participants } })
    for (const one of people) await one.joinRoom(made.body.id, isShown)
    return people
  }

  test('in a room consumers hear all, and nobody hears them', async () => {
    const [ann, bob, eve] = await inRoom(false)
    await Promise.all([ann.hears(1), bob.hears(1), eve.hears(1)])
    // Whoever has changed its client opens the microphone all the same.
    await eve.page.evaluate(speakInPage)
    await Promise.all([ann, bob].map((one) => one.act('mute')))
    await Promise.all([ann, bob].map((one) => one.hearsNothing()))
  })

  test('in a room with video consumers see all, and nobody sees or hears them', async () => {
    const [ann, bob, eve] = await inRoom(true)
    await eve.hearsEach(2)
    await eve.seesEach(2)
    await eve.page.evaluate(speakInPage)
    await bob.hears(1)
    const [legId, coming] = [await ann.legOf(eve), await ann.coming()]
    assert.notEqual(legId, '')
    const ofEve = coming.filter(({ of }) => of === legId)
    assert.deepEqual(
      ofEve.filter(({ packets }) => packets > 0),
      [],
    )
    assert.ok(coming.some(({ of, frames }) => of !== legId && frames > 0))
  })

  test('a call with sound alone has no way for video', async () => {
    const [ann] = await group.talking(3)
    await assert.rejects(async () => ann?.act('startVideo'), /sound alone/)
  })
})

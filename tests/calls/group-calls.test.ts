/**
 * Groups who really call each other by a Janus of Debian: `@parley/calling` in Chromium, with
 * synthetic microphones and cameras. What is heard is judged by the browser's own figures.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { lacks } from './daemons.ts'
import { type Group, openGroup } from './group.ts'

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

  test('a call with sound alone has no way for video', async () => {
    const [ann] = await group.talking(3)
    await assert.rejects(async () => ann?.act('startVideo'), /sound alone/)
  })
})

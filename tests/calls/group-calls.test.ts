/**
 * Groups who really call each other by a Janus of Debian: `@parley/calling` in Chromium, with
 * synthetic microphones and cameras. What is heard is judged by the browser's own figures.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openTown, type Person, type Town } from '../calling-pages.ts'
import { createIdentity, postToken } from '../calls.ts'
import { newDataDir, startWorld, type Tenant, type World } from '../world.ts'
import { lacks, programs } from './daemons.ts'
import { type JanusProcess, janusSettings, startJanus } from './janus-process.ts'

describe('calls of groups', {
  skip: lacks('calls of groups by Janus', 'janus', 'chromium'),
}, () => {
  let janus: JanusProcess
  let world: World
  let tenant: Tenant
  let town: Town
  const open: Person[] = []

  before(async () => {
    janus = await startJanus()
    world = await startWorld(newDataDir(), janusSettings(janus))
    tenant = await world.createTenant()
    town = await openTown(programs.chromium)
  })

  after(async () => {
    await town?.close()
    await world?.stop()
    await janus?.kill()
  })

  async function come(): Promise<Person> {
    const id = await createIdentity(tenant)
    const getToken = async () => (await postToken(tenant, id, { scopes: ['voip'] })).body.token
    const person = await town.open({ id, endpoint: world.origin, getToken })
    open.push(person)
    assert.equal(await person.connect(), 'ready')
    return person
  }

  test('three hear each other in a mix', async () => {
    const [ann, bob, eve] = [await come(), await come(), await come()]
    await ann.call([bob.id, eve.id])
    await Promise.all([bob.accept(), eve.accept()])
    await Promise.all([ann, bob, eve].map((person) => person.hears(1)))
  })
})

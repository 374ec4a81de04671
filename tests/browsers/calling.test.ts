/**
 * People who really call each other: `@parley/calling` in Chromium, with synthetic microphones and
 * cameras, over a real server. What is heard is judged by the browser's own figures.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { openTown, type Person, type Town } from '../calling-pages.ts'
import { createIdentity, deleteIdentity, postRevoke, postToken } from '../calls.ts'
import { newDataDir, startWorld, type Tenant, type World } from '../world.ts'

const { CHROMIUM_PATH: executablePath = '/usr/bin/chromium' } = process.env
const skip = existsSync(executablePath) ? false : `no Chromium at ${executablePath}`
if (skip !== false) console.log(`skipped: calls in a browser (${skip}; set CHROMIUM_PATH)`)

describe('calls in Chromium', { skip }, () => {
  let world: World
  let tenant: Tenant
  let town: Town
  const open: Person[] = []

  before(async () => {
    world = await startWorld(newDataDir())
    tenant = await world.createTenant()
    town = await openTown(executablePath)
  })

  after(async () => {
    await town?.close()
    await world?.stop()
  })

  /** A device of somebody, or of somebody new. */
  async function arrive(known?: string, scopes: readonly string[] = ['voip']): Promise<Person> {
    const id = known ?? (await createIdentity(tenant))
    const getToken = async () => (await postToken(tenant, id, { scopes })).body.token
    const person = await town.open({ id, endpoint: world.origin, getToken })
    open.push(person)
    return person
  }

  async function come(known?: string, scopes?: readonly string[]): Promise<Person> {
    const person = await arrive(known, scopes)
    assert.equal(await person.connect(), 'ready')
    return person
  }

  /** Two people in a call who hear each other. */
  async function inCall(): Promise<readonly [Person, Person]> {
    const [ann, bob] = [await come(), await come()]
    await ann.call([bob.id])
    await bob.accept()
    await Promise.all([ann.hears(1), bob.hears(1)])
    return [ann, bob]
  }

  async function leaveAll(): Promise<void> {
    await Promise.all(open.splice(0).map(({ page }) => page.context().close()))
  }

  const tests: readonly (readonly [string, () => Promise<void>])[] = [
    [
      'two people hear each other',
      async () => {
        const [ann, bob] = [await come(), await come()]
        await ann.call([bob.id])
        await ann.heard('call Ringing')
        await bob.accept()
        await Promise.all([ann.hears(1), bob.hears(1)])
        const told = (await ann.told()).filter((what) => what.startsWith('call '))
        assert.deepEqual(told, ['call Connecting', 'call Ringing', 'call Connected'])
      },
    ],
    [
      'all devices of a person ring, and the first to answer has the call',
      async () => {
        const [ann, phone] = [await come(), await come()]
        const tablet = await come(phone.id)
        await ann.call([phone.id])
        await tablet.heard('ring')
        await phone.accept()
        await tablet.heard('ring answeredElsewhere')
        await Promise.all([ann.hears(1), phone.hears(1)])
        await tablet.isAlone()
      },
    ],
    [
      'who rejects ends the call, and the ringing of their other devices',
      async () => {
        const [ann, phone] = [await come(), await come()]
        const tablet = await come(phone.id)
        await ann.call([phone.id])
        await Promise.all([phone.heard('ring'), tablet.heard('ring')])
        await phone.act('reject')
        await Promise.all([ann.heard('ended rejected'), tablet.heard('ring rejectedElsewhere')])
      },
    ],
    [
      'a caller who hangs up takes the bell away',
      async () => {
        const [ann, bob] = [await come(), await come()]
        await ann.call([bob.id])
        await Promise.all([ann.heard('call Ringing'), bob.heard('ring')])
        await ann.act('hangUp')
        await Promise.all([ann.heard('ended left'), bob.heard('ring caller')])
      },
    ],
    [
      'who hangs up ends a call of two for both',
      async () => {
        const [ann, bob] = await inCall()
        await bob.act('hangUp')
        await Promise.all([ann.heard('call Disconnected'), bob.heard('ended left')])
        await Promise.all([ann.isAlone(), bob.isAlone()])
      },
    ],
    [
      'who mutes is silent and is said to be, until they unmute',
      async () => {
        const [ann, bob] = await inCall()
        await bob.act('mute')
        await ann.heard('they muted')
        await ann.hearsNothing()
        await bob.act('unmute')
        await ann.heard('they unmuted')
        await ann.hears(1)
      },
    ],
    [
      'who comes muted opens no microphone, and is heard once they unmute',
      async () => {
        const [ann, bob] = [await come(), await come()]
        await ann.call([bob.id], true)
        await bob.accept()
        await ann.hears(1)
        assert.equal(await ann.act('microphonesOpened'), '0')
        await ann.act('unmute')
        await bob.hears(1)
      },
    ],
    [
      'video is seen from when it starts until it stops',
      async () => {
        const [ann, bob] = await inCall()
        await ann.act('startVideo')
        await bob.heard('video on')
        await bob.sees()
        assert.equal(await bob.act('videoOfOthers'), '1')
        await ann.act('stopVideo')
        await bob.heard('video off')
        assert.equal(await bob.act('videoOfOthers'), '0')
      },
    ],
    [
      'a third comes into the call, and all hear all',
      async () => {
        const [ann, bob] = await inCall()
        const eve = await come()
        await ann.act('add', eve.id)
        await eve.accept()
        await Promise.all([ann, bob, eve].map((person) => person.hears(2)))
        await ann.act('hangUp')
        await bob.heard('left left')
        await Promise.all([bob, eve].map((person) => person.hears(1)))
      },
    ],
    [
      'who knows a joinable call comes into it',
      async () => {
        const [ann, bob] = [await come(), await come(undefined, ['voip.join'])]
        await ann.act('startJoinable')
        await ann.heard('call Connected')
        await bob.act('join', await ann.act('callId'))
        await Promise.all([ann.hears(1), bob.hears(1)])
      },
    ],
    [
      'who goes to another page has left',
      async () => {
        const [ann, bob] = await inCall()
        await bob.page.goto('about:blank')
        await ann.heard('call Disconnected')
        assert.ok((await ann.told()).includes('left left'), String(await ann.told()))
      },
    ],
    [
      'tones of the dial pad reach the other',
      async () => {
        const [ann, bob] = await inCall()
        await ann.act('tones', '12#')
        await bob.heard('tones 12#')
      },
    ],
    [
      'a call goes on over a connection that was lost, and so does its signalling',
      async () => {
        const [ann, bob] = await inCall()
        await ann.act('loseSocket')
        await ann.heard('agent Connecting')
        await ann.heard('agent Connected')
        await bob.act('tones', '7')
        await ann.heard('tones 7')
        const told = [...(await ann.told()), ...(await bob.told())]
        assert.deepEqual(
          told.filter((what) => what.startsWith('left') || what.startsWith('ended')),
          [],
        )
      },
    ],
    [
      'who is revoked is out of the call, is told why, and is heard no more',
      async () => {
        const [ann, bob] = await inCall()
        await postRevoke(tenant, bob.id)
        await bob.heard('agent Disconnected tokenRevoked')
        await bob.heard('ended tokenRevoked')
        await ann.heard('left revoked')
        await Promise.all([ann.isAlone(), bob.isAlone()])
      },
    ],
    [
      'who is deleted rings no more',
      async () => {
        const [ann, bob] = [await come(), await come()]
        await ann.call([bob.id])
        await bob.heard('ring')
        await deleteIdentity(tenant, bob.id)
        await bob.heard('agent Disconnected tokenRevoked')
        assert.ok((await bob.told()).includes('ring tokenRevoked'))
      },
    ],
    [
      'a token for chat makes no agent',
      async () => {
        const ann = await arrive(undefined, ['chat'])
        assert.equal(await ann.connect(), 'scopeForbidden')
      },
    ],
    [
      'who may only join cannot start a call, and can answer one',
      async () => {
        const [ann, bob] = [await come(undefined, ['voip.join']), await come()]
        await ann.call([bob.id])
        await ann.heard('ended ScopeForbidden')
        await bob.call([ann.id])
        await ann.accept()
        await Promise.all([ann.hears(1), bob.hears(1)])
      },
    ],
  ]
  for (const [title, act] of tests) {
    test(title, async () => {
      try {
        await act()
      } finally {
        await leaveAll()
      }
    })
  }
})

/** People in Chromium who call each other in groups, by a Janus and a server of the test's own. */
import assert from 'node:assert/strict'
import { openTown, type Person, type Town } from '../calling-pages.ts'
import { createIdentity, postToken } from '../calls.ts'
import { newDataDir, startWorld, type Tenant, type World } from '../world.ts'
import { programs } from './daemons.ts'
import {
  acceptShownInPage,
  type Coming,
  comingInPage,
  joinRoomInPage,
  lastSoundInPage,
  legOfInPage,
  legsInPage,
  showInPage,
  stayInPage,
} from './groups-in-page.ts'
import { type JanusProcess, janusSettings, startJanus } from './janus-process.ts'

/** Somebody in a group. */
export interface Member extends Person {
  /** Answers with a camera. */
  readonly acceptShown: () => Promise<void>
  readonly joinRoom: (roomId: string, isShown: boolean) => Promise<void>
  /** What comes in, each stream by itself. */
  readonly coming: () => Promise<readonly Coming[]>
  /** The leg of somebody; empty where they are not in the call. */
  readonly legOf: (other: Person) => Promise<string>
  /** Goes on, whatever it is told. */
  readonly stay: () => Promise<void>
  /**
   * When the last packet of sound came, milliseconds since the Unix epoch, after looking for so
   * long.
   *
   * @param of - of whom; absent: of anybody.
   */
  readonly lastSound: (forMs: number, of?: Person) => Promise<number>
  /** Waits until so many others are heard, each by themselves. */
  readonly hearsEach: (count: number) => Promise<void>
  /** Waits until video of so many others is being decoded. */
  readonly seesEach: (count: number) => Promise<void>
}

/** A place for groups. */
export interface Group {
  readonly janus: JanusProcess
  readonly world: World
  readonly tenant: Tenant
  /** One more person, who is in no call. */
  readonly come: (known?: string) => Promise<Member>
  /** So many in a call with sound alone, who hear somebody. */
  readonly talking: (count: number) => Promise<readonly Member[]>
  /** So many in a call with video. */
  readonly showing: (count: number) => Promise<readonly Member[]>
  /** So many in a call with video in which no camera is on. */
  readonly apart: (count: number) => Promise<readonly Member[]>
  /** Closes the pages of all. */
  readonly leave: () => Promise<void>
  readonly close: () => Promise<void>
}

/** Opens it. */
export async function openGroup(settings: Readonly<Record<string, string>> = {}): Promise<Group> {
  const janus = await startJanus()
  const world = await startWorld(newDataDir(), { ...janusSettings(janus), ...settings })
  const tenant = await world.createTenant()
  const town = await openTown(programs.chromium)
  const present: Member[] = []
  const come = async (known?: string) => {
    const member = await bring(town, { world, tenant }, known)
    present.push(member)
    return member
  }
  const gather = (count: number) => Promise.all(Array.from({ length: count }, () => come()))
  const video = async (count: number, isShown: boolean) => {
    const members = await gather(count)
    const [first, ...others] = members
    const ids = others.map(({ id }) => id)
    await first?.page.evaluate(showInPage, [ids, isShown] as const)
    await Promise.all(others.map((one) => (isShown ? one.acceptShown() : one.accept())))
    await Promise.all(members.map((one) => one.hearsEach(count - 1)))
    return members
  }
  return {
    ...{ janus, world, tenant, come },
    async talking(count) {
      const members = await gather(count)
      const [first, ...others] = members
      await first?.call(others.map(({ id }) => id))
      await Promise.all(others.map((one) => one.accept()))
      await Promise.all(members.map((one) => one.hears(1)))
      return members
    },
    showing: (count) => video(count, true),
    apart: (count) => video(count, false),
    async leave() {
      await Promise.all(present.splice(0).map(({ page }) => page.context().close()))
    },
    async close() {
      await town.close()
      await world.stop()
      await janus.kill()
    },
  }
}

async function bring(
  town: Town,
  { world, tenant }: Pick<Group, 'world' | 'tenant'>,
  known: string | undefined,
): Promise<Member> {
  const id = known ?? (await createIdentity(tenant))
  const getToken = async () => (await postToken(tenant, id, { scopes: ['voip'] })).body.token
  const person = await town.open({ id, endpoint: world.origin, getToken })
  assert.equal(await person.connect(), 'ready')
  const { page } = person
  const coming = () => page.evaluate(comingInPage)
  const until = (kind: string, count: number, figure: (one: Coming) => number) =>
    eachGrows({ coming, legs: () => page.evaluate(legsInPage), kind, count, figure })
  return {
    ...person,
    coming,
    async acceptShown() {
      await person.heard('ring')
      await page.evaluate(acceptShownInPage)
    },
    legOf: ({ id: other }) => page.evaluate(legOfInPage, other),
    stay: () => page.evaluate(stayInPage),
    async lastSound(forMs, of) {
      const legId = of === undefined ? '' : await page.evaluate(legOfInPage, of.id)
      await page.evaluate(`globalThis.coming = ${comingInPage.toString()}`)
      return page.evaluate(lastSoundInPage, [legId, forMs] as const)
    },
    joinRoom: (roomId, isShown) => page.evaluate(joinRoomInPage, [roomId, isShown] as const),
    hearsEach: (count) => until('audio', count, ({ energy }) => energy),
    seesEach: (count) => until('video', count, ({ frames }) => frames / 100),
  }
}

/** What a synthetic microphone gives in a second is 0.2; silence has nothing near this. */
const enough = 0.01

interface Growing {
  readonly coming: () => Promise<readonly Coming[]>
  readonly legs: () => Promise<readonly string[]>
  readonly kind: string
  readonly count: number
  readonly figure: (one: Coming) => number
}

/** Waits until a figure of each of the others, and of so many, has grown. */
async function eachGrows({ coming, legs, kind, count, figure }: Growing): Promise<void> {
  const startedAt = performance.now()
  const first = new Map<string, number>()
  for (;;) {
    const all = (await coming()).filter((one) => one.kind === kind)
    const grown = all.filter((one) => {
      const known = first.get(one.of)
      if (known === undefined) first.set(one.of, figure(one))
      return known !== undefined && figure(one) - known > enough
    })
    const present = await legs()
    const heard = present.filter((legId) => grown.some((one) => one.of === legId))
    if (heard.length === count && present.length === count) return
    const isLate = performance.now() - startedAt > 25_000
    assert.ok(!isLate, `${heard.length} of ${count}: ${JSON.stringify({ present, all })}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/**
 * People in browsers who call each other with `@parley/calling`: each a page of a real Chromium
 * with a synthetic microphone that beeps, and a camera.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { type Browser, chromium, type Page } from 'playwright-core'
import {
  acceptInPage,
  actInPage,
  callInPage,
  connectInPage,
  figuresInPage,
  type Loaded,
  type PersonAct,
  prepareInPage,
} from './calling-in-page.ts'

const tests = fileURLToPath(new URL('../', import.meta.url))

/**
 * The synthetic microphone beeps with an energy of 0.2 a second; what is decoded of a muted one has
 * 1e-9, so an energy above zero alone would prove nothing.
 */
const heardEnergy = 0.01
const silenceEnergy = 1e-5

/** A browser, and the server of the page that its people have open. */
export interface Town {
  readonly open: (options: PersonOptions) => Promise<Person>
  readonly close: () => Promise<void>
}

/** Who opens the page. */
export interface PersonOptions {
  readonly id: string
  readonly endpoint: string
  readonly getToken: () => Promise<string>
}

/** Somebody at one device. */
export interface Person {
  readonly id: string
  readonly page: Page
  /** Connects; gives `ready`, or the code of what kept it from that. */
  readonly connect: () => Promise<string>
  /** Starts a call; does not wait for anything. */
  readonly call: (others: readonly string[], isMuted?: boolean) => Promise<void>
  /** Waits until it rings, and answers. */
  readonly accept: () => Promise<void>
  /** Does something with the call of this page. */
  readonly act: (name: PersonAct, argument?: string) => Promise<string>
  /** Waits until something has happened. */
  readonly heard: (what: string) => Promise<void>
  /** All that has happened so far. */
  readonly told: () => Promise<readonly string[]>
  /** Waits until so many others are heard: sound, not packets of silence. */
  readonly hears: (count: number) => Promise<void>
  /** Waits until two and a half seconds of sound from others have been silence. */
  readonly hearsNothing: () => Promise<void>
  /** Waits until video of somebody is being decoded. */
  readonly sees: () => Promise<void>
  /** Waits until no connection to a peer is left. */
  readonly isAlone: () => Promise<void>
}

/** Opens a browser and the server of its page. */
export async function openTown(executablePath: string): Promise<Town> {
  const server = await servePage()
  const media = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']
  const args = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', ...media]
  const browser = await chromium.launch({ executablePath, args })
  const { port } = server.address() as AddressInfo
  return {
    open: (options) => openPerson(browser, `http://localhost:${port}/`, options),
    close: async () => {
      await browser.close()
      server.close()
    },
  }
}

async function openPerson(browser: Browser, url: string, options: PersonOptions): Promise<Person> {
  const { id, endpoint, getToken } = options
  const page = await (await browser.newContext()).newPage()
  await page.addInitScript(prepareInPage)
  await page.exposeFunction('getToken', getToken)
  await page.goto(url)
  const figures = `(${figuresInPage.toString()})`
  const energies = `${figures}(['audio', 'totalAudioEnergy'])`
  const seconds = `${figures}(['audio', 'totalSamplesDuration'])`
  // A promise is no truth yet, which `page.waitForFunction` does not see.
  const until = (condition: string) =>
    page.evaluate(`(async () => {
      const startedAt = performance.now()
      while (!(await (${condition}))) {
        if (performance.now() - startedAt > 20_000) throw new Error(${JSON.stringify(condition)}
          + ' has not come true; told: ' + told)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    })()`) as Promise<void>
  const heard = (what: string) => until(`told.includes(${JSON.stringify(what)})`)
  return {
    id,
    page,
    connect: () => page.evaluate(connectInPage, endpoint),
    call: (others, isMuted = false) => page.evaluate(callInPage, [others, isMuted] as const),
    accept: async () => {
      await heard('ring')
      await page.evaluate(acceptInPage)
    },
    act: (name, argument = '') => page.evaluate(actInPage, [name, argument] as const),
    heard,
    told: () => page.evaluate(() => (globalThis as unknown as Loaded).told),
    hears: async (count) => {
      await page.evaluate('globalThis.first = []')
      await until(`${energies}.then((all) => all.filter((energy, place) => {
        first[place] ??= energy
        return energy - first[place] > ${heardEnergy}
      }).length === ${count})`)
    },
    hearsNothing: async () => {
      await page.evaluate('globalThis.quiet = undefined')
      await until(`Promise.all([${energies}, ${seconds}]).then(([[energy], [second]]) => {
        const isHeard = energy - (globalThis.quiet?.energy ?? -1) > ${silenceEnergy}
        if (isHeard) globalThis.quiet = { energy, second }
        return second - globalThis.quiet.second > 2.5
      })`)
    },
    sees: () => until(`${figures}(['video', 'framesDecoded']).then(([count]) => count > 0)`),
    isAlone: () => until("peers.every(({ connectionState }) => connectionState === 'closed')"),
  }
}

async function servePage(): Promise<Server> {
  const bundled = await build({
    stdin: { contents: "export * from '@parley/calling'", resolveDir: tests },
    ...{ bundle: true, write: false, format: 'iife', globalName: 'sdk', platform: 'browser' },
    logLevel: 'silent',
  })
  const [script] = bundled.outputFiles
  const html = '<!doctype html><meta charset="utf-8"><title>calls</title><script src="/sdk.js">'
  const server = createServer((request, response) => {
    const isScript = request.url === '/sdk.js'
    response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' })
    response.end(isScript ? script?.text : `${html}</script>`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

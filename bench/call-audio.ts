import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { CallAgent, CallClient } from '@parley/calling'
import { build } from 'esbuild'
import { chromium, type Page } from 'playwright-core'

const { CHROMIUM_PATH: executablePath = '/usr/bin/chromium' } = process.env

/** What the page has under `globalThis`. */
interface Loaded {
  readonly sdk: { readonly CallClient: typeof CallClient }
}

/**
 * Times from accepting a call to the first sound, in a page where two agents call each other; empty
 * where there is no Chromium. Both speak a steady tone, so that what is heard is sound and not
 * packets of silence; the later of the two ears counts.
 */
export async function firstAudioTimes(given: {
  readonly endpoint: string
  readonly tokens: readonly [string, string]
  readonly calleeId: string
  readonly calls: number
}): Promise<readonly number[]> {
  if (!existsSync(executablePath)) return []
  const { outputFiles } = await build({
    stdin: {
      contents: "import * as sdk from '@parley/calling'; globalThis.sdk = sdk",
      resolveDir: fileURLToPath(new URL('../', import.meta.url)),
    },
    ...{ bundle: true, format: 'iife', write: false, target: 'es2022' },
  })
  // Browsers give devices to pages of localhost, and to none without an address.
  const site = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>')
  })
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  const browser = await chromium.launch({
    executablePath,
    args: ['--headless', '--no-sandbox', '--autoplay-policy=no-user-gesture-required'],
  })
  try {
    const page = await browser.newPage()
    await page.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`)
    await page.addScriptTag({ content: outputFiles[0]?.text ?? '' })
    return await callAgain(page, given)
  } finally {
    await browser.close()
    site.closeAllConnections()
    site.close()
  }
}

function callAgain(page: Page, given: Parameters<typeof firstAudioTimes>[0]): Promise<number[]> {
  return page.evaluate(async ({ endpoint, tokens, calleeId, calls }) => {
    const audio = new AudioContext()
    const tone = audio.createOscillator()
    const microphone = audio.createMediaStreamDestination()
    tone.connect(microphone)
    tone.start()
    navigator.mediaDevices.getUserMedia = async () => microphone.stream.clone()
    const { sdk } = globalThis as unknown as Loaded
    const open = async (token: string) => {
      const client = new sdk.CallClient({ endpoint })
      return client.createCallAgent({ getToken: async () => ({ token }) })
    }
    const [caller, callee] = [await open(tokens[0]), await open(tokens[1])]
    const energyAt = async (agent: CallAgent) => {
      const stats = await agent.calls[0]?.remoteParticipants[0]?.getStats()
      let energy = 0
      for (const row of stats?.values() ?? []) {
        if (row.type === 'inbound-rtp' && row.kind === 'audio') energy += row.totalAudioEnergy ?? 0
      }
      return energy
    }
    const hears = async (agent: CallAgent) => {
      while ((await energyAt(agent)) < 1e-4) await new Promise((done) => setTimeout(done, 2))
    }
    const times: number[] = []
    for (let count = 0; count < calls; count++) {
      const rung = new Promise<Parameters<Parameters<typeof callee.on<'incomingCall'>>[1]>[0]>(
        (resolve) => callee.on('incomingCall', resolve),
      )
      const call = caller.startCall([{ communicationUserId: calleeId }])
      const { incomingCall } = await rung
      const startedAt = performance.now()
      await incomingCall.accept()
      await Promise.all([hears(caller), hears(callee)])
      times.push(performance.now() - startedAt)
      await call.hangUp()
      while (callee.calls.length > 0) await new Promise((done) => setTimeout(done, 2))
    }
    return times
  }, given)
}

/** The example as a person has it: started by its one command's script, used by clicks. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Browser, chromium, type Page } from 'playwright-core'
import { inheritedEnvironment, repositoryRoot } from '../server-process.ts'
import { newDataDir, startWorld, type World } from '../world.ts'

const { CHROMIUM_PATH: executablePath = '/usr/bin/chromium' } = process.env
const skip = existsSync(executablePath) ? false : `no Chromium at ${executablePath}`
if (skip !== false) console.log(`skipped: the web call example (${skip}; set CHROMIUM_PATH)`)

describe('the example web-call', { skip }, () => {
  let world: World
  let app: ChildProcess
  let browser: Browser
  let url = ''

  before(async () => {
    world = await startWorld(newDataDir())
    const { connectionString } = world.reachable
    const variables = {
      COMMUNICATION_SERVICES_CONNECTION_STRING: connectionString,
      PARLEY_HTTP_ENDPOINT: `${world.origin}/`,
      PORT: '0',
    }
    app = spawn(process.execPath, [join(repositoryRoot, 'examples', 'web-call', 'serve.mjs')], {
      env: { ...inheritedEnvironment(), ...variables },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    for await (const chunk of app.stdout?.setEncoding('utf8') ?? []) {
      said += chunk
      url = /http:\/\/localhost:\d+\//.exec(said)?.[0] ?? ''
      if (url !== '') break
    }
    const media = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']
    const args = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', ...media]
    browser = await chromium.launch({ executablePath, args })
  })

  after(async () => {
    await browser?.close()
    app?.kill('SIGTERM')
    await world?.stop()
  })

  async function signIn(name: string): Promise<Page> {
    const page = await (await browser.newContext()).newPage()
    await page.goto(url)
    await page.getByLabel('Your name').fill(name)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('Online').waitFor()
    return page
  }

  test('lets two people find each other by name, talk, press keys and hang up', async () => {
    const [ann, bob] = [await signIn('Ann Miller'), await signIn('Bob Okafor')]
    await ann.getByRole('button', { name: 'Call Bob Okafor', exact: true }).click()
    await bob.getByRole('alertdialog', { name: 'Ann Miller' }).waitFor()
    await bob.getByRole('button', { name: 'Accept' }).click()
    await ann.getByRole('heading', { name: 'Bob Okafor' }).waitFor()
    await bob.getByRole('button', { name: 'pound' }).click()
    await ann.getByText('Bob Okafor pressed #').waitFor()
    await bob.getByRole('button', { name: 'Mute' }).click()
    await ann.getByRole('figure', { name: 'Bob Okafor, muted' }).waitFor()
    await bob.getByRole('button', { name: 'Camera', exact: true }).click()
    await ann.locator('.tile:not(.mine) video:visible').waitFor()
    await ann.getByRole('button', { name: 'Hang up' }).click()
    await bob.getByRole('heading', { name: 'No call' }).waitFor()
  })

  test('says that phones are not connected', async () => {
    const ann = await signIn('Ann Miller')
    await ann.getByLabel('Phone number').fill('+1 425 555 0100')
    await ann.getByRole('button', { name: 'Dial the number' }).click()
    await ann.getByText('Phones cannot be called from here.').waitFor()
    assert.equal(await ann.getByRole('heading', { name: 'No call' }).count(), 1)
  })
})

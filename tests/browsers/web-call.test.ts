/** The example as a person has it: started by its one command's script, used by clicks. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import {
  type ExampleApp,
  lacksChromium,
  openBrowser,
  openTab,
  startExample,
  takePicture,
} from '../example-app.ts'

if (lacksChromium !== false) console.log(`skipped: the web call (${lacksChromium})`)

describe('the example web-call', { skip: lacksChromium }, () => {
  let app: ExampleApp
  let browser: Browser

  before(async () => {
    app = await startExample('web-call')
    const media = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']
    browser = await openBrowser(undefined, media)
  })

  after(async () => {
    await browser?.close()
    assert.deepEqual(await app?.stop(), { code: 0, signal: null })
  })

  async function signIn(name: string): Promise<Page> {
    const page = await openTab(browser, app.url)
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
    const videos = "[...document.querySelectorAll('.tile:not(.mine) video')]"
    await ann.waitForFunction(`${videos}.some(({ currentTime }) => currentTime > 0.2)`)
    await takePicture(ann, 'web-call-of-two')
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

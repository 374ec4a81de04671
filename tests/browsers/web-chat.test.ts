/**
 * `examples/web-chat` from its README's command on: two people in two browsers chat, one of them
 * takes the other's access away, and he is cut off.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import {
  type ExampleApp,
  lacksChromium,
  openBrowser,
  openTab,
  reads,
  say,
  startExample,
  takePicture,
} from '../example-app.ts'

if (lacksChromium !== false) console.log(`skipped: the web chat (${lacksChromium})`)

describe('the web chat', { skip: lacksChromium }, () => {
  let app: ExampleApp
  let browser: Browser
  let ann: Page
  let bob: Page

  before(async () => {
    app = await startExample('web-chat')
    browser = await openBrowser(app.variables['PARLEY_ADMIN_ENDPOINT'])
    ann = await openTab(browser, app.url)
    bob = await openTab(browser, app.url)
    await ann.getByRole('button', { name: 'Ann Lindqvist' }).click()
    await bob.getByRole('button', { name: 'Bob Okafor' }).click()
    await reads(ann, 'No conversation yet')
    await reads(bob, 'No conversation yet')
  })

  after(async () => {
    await browser?.close()
    assert.deepEqual(await app?.stop(), { code: 0, signal: null })
  })

  test('begins when somebody names a topic and a person, who sees it at once', async () => {
    await ann.getByRole('button', { name: 'New conversation' }).click()
    await ann.getByLabel('Topic').fill('Friday’s launch')
    await ann.getByRole('checkbox', { name: 'Bob Okafor' }).check()
    await ann.getByRole('button', { name: 'Begin' }).click()
    await bob.getByRole('heading', { name: 'Friday’s launch' }).waitFor()
    for (const page of [ann, bob]) await reads(page, 'live')
  })

  test('carries messages both ways, and says who types and who has read', async () => {
    await say(ann, 'Good morning! Is the release ready?')
    await reads(bob, 'Is the release ready?')
    await reads(ann, 'Read by Bob Okafor')
    await bob.getByLabel('Message').pressSequentially('Al')
    await reads(ann, 'Bob Okafor is typing')
    await say(bob, 'Almost. The notes are written, the build is green.')
    await say(bob, 'I only wait for the screenshots.')
    await reads(ann, 'I only wait for the screenshots.')
    await say(ann, 'They come within the hour.')
    await reads(bob, 'They come within the hour.')
  })

  test('takes in somebody else, who reads what was said before', async () => {
    const cleo = await openTab(browser, app.url)
    await cleo.getByRole('button', { name: 'Cleo Martin' }).click()
    await reads(cleo, 'No conversation yet')
    await ann.getByRole('button', { name: 'Add Cleo Martin' }).click()
    await reads(cleo, 'They come within the hour.')
    await say(cleo, 'Here they are: three of them, in both sizes.')
    for (const page of [ann, bob]) await reads(page, 'Here they are')
    await reads(ann, 'Cleo Martin joined')
    await reads(ann, 'Read by Bob Okafor and Cleo Martin')
    assert.ok((await takePicture(ann, 'web-chat')).length > 10_000)
    await cleo.context().close()
  })

  test('asks only who runs the app about access', async () => {
    assert.equal(await bob.getByRole('button', { name: /Remove access/ }).count(), 0)
    const refused = await bob.evaluate(async () => {
      const body = JSON.stringify({ person: 'cleo', isRemoved: true })
      return (await fetch('/app/access', { method: 'POST', body })).status
    })
    assert.equal(refused, 403)
  })

  test('is over for somebody whose access is taken away, and stays so', async () => {
    await ann.getByRole('button', { name: 'Remove access: Bob Okafor' }).click()
    await reads(bob, 'You are cut off')
    await bob.getByRole('button', { name: 'Try again' }).click()
    await reads(bob, 'You are cut off')
    await bob.reload()
    await reads(bob, 'You are cut off')
    await say(ann, 'Bob does not read this.')
    await reads(ann, 'Bob does not read this.')
    assert.equal(await bob.getByText('Bob does not read this.').count(), 0)
  })

  test('goes on for him when access is given back', async () => {
    await ann.getByRole('button', { name: 'Give access back: Bob Okafor' }).click()
    await ann.getByRole('button', { name: 'Remove access: Bob Okafor' }).waitFor()
    await bob.getByRole('button', { name: 'Try again' }).click()
    await say(bob, 'I am <b>back</b>.')
    await reads(ann, 'I am <b>back</b>.')
  })

  test('says what to do when a browser does not trust the certificate', async () => {
    const wary = await openBrowser()
    try {
      const page = await openTab(wary, app.url)
      await page.getByRole('button', { name: 'Cleo Martin' }).click()
      await reads(page, 'One step before the chat')
    } finally {
      await wary.close()
    }
  })
})

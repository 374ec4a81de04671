/**
 * `examples/clinic` from its README's command on: a patient and his doctor, a visitor at the front
 * desk, tokens that are revoked, and the patient's erasure.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { CommunicationIdentityClient } from '@azure/communication-identity'
import sqlite from 'node-sqlite3-wasm'
import type { Browser, Page } from 'playwright-core'
import {
  commandsOf,
  type ExampleApp,
  lacksChromium,
  openBrowser,
  openTab,
  reads,
  say,
  startExample,
  takePicture,
} from '../example-app.ts'
import { inheritedEnvironment, repositoryRoot } from '../server-process.ts'

if (lacksChromium !== false) console.log(`skipped: the clinic (${lacksChromium})`)

describe('the clinic', { skip: lacksChromium }, () => {
  let app: ExampleApp
  let browser: Browser
  let service: CommunicationIdentityClient
  let maya: Page
  let doctor: Page
  let frida: Page
  let felix: Page

  before(async () => {
    app = await startExample('clinic')
    browser = await openBrowser(app.variables['PARLEY_ADMIN_ENDPOINT'])
    service = serviceOf(app)
  })

  after(async () => {
    await browser?.close()
    assert.deepEqual(await app?.stop(), { code: 0, signal: null })
  })

  function serviceOf({ variables }: ExampleApp): CommunicationIdentityClient {
    const connection = variables['COMMUNICATION_SERVICES_CONNECTION_STRING'] ?? ''
    const plain = `endpoint=${variables['PARLEY_HTTP_ENDPOINT']};${connection.split(';')[1]}`
    return new CommunicationIdentityClient(plain, { allowInsecureConnection: true })
  }

  async function signIn(account: string, password = 'correct horse'): Promise<Page> {
    const page = await openTab(browser, app.url)
    await page.getByLabel('Account').fill(account)
    await page.getByLabel('Password').fill(password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    return page
  }

  /** Asks the app's own database, as its operator could; the app goes on. */
  function query(text: string, values: readonly string[] = []): Record<string, unknown>[] {
    const database = new sqlite.Database(join(app.dataDir, 'clinic', 'clinic.sqlite'))
    database.exec('pragma busy_timeout = 5000')
    try {
      return database.all(text, [...values]) as Record<string, unknown>[]
    } finally {
      database.close()
    }
  }

  const identityOf = (user: string) =>
    String(
      query('select identity_id from parley_link where user_id = ?', [user])[0]?.['identity_id'],
    )

  test('refuses a wrong password and an account that is not there', async () => {
    for (const [account, password] of [
      ['maya', 'wrong horse'],
      ['nobody', 'correct horse'],
    ] as const) {
      const page = await signIn(account, password)
      await reads(page, 'Account and password do not belong together.')
      await page.context().close()
    }
  })

  test('takes five attempts a minute at one account', async () => {
    const page = await signIn('jonas', '1')
    for (const attempt of ['2', '3', '4', '5', '6']) {
      await reads(page, 'do not belong together.')
      await page.getByLabel('Password').fill(attempt)
      const answered = page.waitForResponse((response) => response.url().endsWith('sign-in'))
      await page.getByRole('button', { name: 'Sign in' }).click()
      assert.equal((await answered).status(), attempt === '6' ? 429 : 401)
    }
    await reads(page, 'Wait for a minute.')
    await page.context().close()
  })

  test('has one conversation for a patient who signs in twice at once', async () => {
    const page = await openTab(browser, app.url)
    const statuses = await page.evaluate(async () => {
      const body = JSON.stringify({ account: 'maya', password: 'correct horse' })
      const enter = async () => (await fetch('/app/sign-in', { method: 'POST', body })).status
      return Promise.all([enter(), enter()])
    })
    assert.deepEqual(statuses, [200, 200])
    await page.context().close()
  })

  test('brings a patient and the doctor together', async () => {
    maya = await signIn('maya')
    await reads(maya, 'live')
    assert.equal(await maya.locator('.conversations li').count(), 1)
    await maya.getByRole('heading', { name: 'Dr. Amara Diallo' }).waitFor()
    doctor = await signIn('diallo')
    await doctor.getByRole('heading', { name: 'Maya Brandt' }).waitFor()
    for (const page of [maya, doctor]) await reads(page, 'live')
    await say(maya, 'Good morning, the cough is back since Tuesday.')
    await reads(doctor, 'the cough is back')
    await reads(maya, 'Read by Dr. Amara Diallo')
    await say(doctor, 'I am sorry to hear that. Do you have a fever?')
    await reads(maya, 'Do you have a fever?')
    await say(maya, '38.2 this morning.')
    await reads(doctor, '38.2 this morning.')
    await say(doctor, 'Please come by at eleven. I keep the slot for you.')
    await reads(maya, 'I keep the slot for you.')
  })

  test('lets a visitor ask the front desk, who answer as one', async () => {
    frida = await signIn('frida')
    felix = await signIn('felix')
    for (const page of [frida, felix]) await reads(page, 'Nobody has asked anything yet.')
    const visitor = await openTab(browser, app.url)
    await visitor.getByLabel('Your name').fill('Tom')
    await visitor.getByRole('button', { name: 'Ask', exact: true }).click()
    await visitor.getByRole('heading', { name: 'Front desk', exact: true }).waitFor()
    await say(visitor, 'Are you open on Saturday?')
    for (const page of [frida, felix]) await reads(page, 'Are you open on Saturday?')
    await say(felix, 'Yes, from nine to one.')
    await reads(visitor, 'Yes, from nine to one.')
    await reads(frida, 'Yes, from nine to one.')
    assert.equal(identityOf('frida'), identityOf('felix'))
    await visitor.getByRole('button', { name: 'End visit' }).click()
    await visitor.getByLabel('Your name').waitFor()
    assert.deepEqual(
      query('select identity_id from parley_identity where visitor_until_ms > 0'),
      [],
    )
    await frida.reload()
    await reads(frida, 'Yes, from nine to one.')
    assert.equal(await frida.getByText('Are you open on Saturday?').count(), 0)
  })

  test('keeps tokens sealed, and gives others when they are revoked', async () => {
    const [{ count } = {}] = query('select count(*) as count from parley_token')
    assert.ok(Number(count) >= 3, `${count} tokens are kept`)
    const sealed = query('select sealed from parley_token').map((row) => String(row['sealed']))
    assert.deepEqual(
      sealed.filter((text) => text.includes('eyJ')),
      [],
    )
    const renewed = doctor.waitForResponse((response) => response.url().endsWith('/api/token'))
    await service.revokeTokens({ communicationUserId: identityOf('diallo') })
    assert.equal((await renewed).status(), 201)
    await doctor.locator('.status.live').waitFor()
    await say(doctor, 'Until then, drink plenty of water.')
    await reads(maya, 'drink plenty of water')
    assert.ok((await takePicture(maya, 'clinic')).length > 10_000)
  })

  test('agrees with the service, as the command line finds while it runs', async () => {
    const [, command = ''] = commandsOf('clinic')
    const folder = dirname(app.dataDir)
    symlinkSync(join(repositoryRoot, 'node_modules'), join(folder, 'node_modules'))
    const { stdout } = await promisify(execFile)('bash', ['-ec', `${command} --json`], {
      cwd: folder,
      env: { ...inheritedEnvironment(), NODE_EXTRA_CA_CERTS: '' },
      timeout: 30_000,
    })
    assert.deepEqual(JSON.parse(stdout), { findings: [] })
  })

  test('erases a patient who asks for it, and shows the receipt', async () => {
    const identity = identityOf('maya')
    await maya.getByRole('button', { name: 'Delete my account' }).click()
    await maya.getByRole('button', { name: 'Delete everything' }).click()
    await reads(maya, 'You are erased')
    await reads(maya, identity)
    await reads(maya, 'yes')
    await doctor.getByRole('heading', { name: 'Closed consultation' }).waitFor()
    await reads(doctor, 'drink plenty of water')
    assert.equal(await doctor.getByText('38.2').count(), 0)
    for (const text of ['the cough is back', 'Maya']) {
      assert.equal(await doctor.getByText(text).count(), 0, text)
    }
    await assert.rejects(service.getToken({ communicationUserId: identity }, ['chat']), {
      code: 'IdentityNotOwned',
    })
    assert.deepEqual(query('select * from parley_link where user_id = ?', ['maya']), [])
    assert.deepEqual(query('select * from account where id = ?', ['maya']), [])
    await maya.getByRole('button', { name: 'Done' }).click()
    await maya.getByLabel('Account').waitFor()
  })

  test('removes a visitor whose time is over, though it was not running then', async () => {
    const visitor = await openTab(browser, app.url)
    await visitor.getByLabel('Your name').fill('Ida')
    await visitor.getByRole('button', { name: 'Ask', exact: true }).click()
    await visitor.getByRole('heading', { name: 'Front desk', exact: true }).waitFor()
    const open = 'select identity_id from parley_identity where visitor_until_ms > 0'
    const identity = String(query(open)[0]?.['identity_id'])
    const user = { communicationUserId: identity }
    assert.ok((await service.getToken(user, ['chat'])).token.length > 0)
    await app.stop()
    query('update parley_identity set visitor_until_ms = 1 where identity_id = ?', [identity])
    app = await startExample('clinic', app.dataDir)
    assert.deepEqual(query(open), [])
    await assert.rejects(serviceOf(app).getToken(user, ['chat']), { code: 'IdentityNotOwned' })
  })
})

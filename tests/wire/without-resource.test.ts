/**
 * What a server without any resource tells its operator, followed word by word.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { launchServer, parseBanner, startServer } from '../server-process.ts'
import { send } from '../world.ts'
import { tierFolder } from './the-server.ts'

const curl = hasCommand('curl')

test('a server whose resource was deleted says how to make one', { skip: !curl }, async () => {
  const dataDir = join(tierFolder(), 'without-resource')
  mkdirSync(dataDir, { mode: 0o711 })
  const first = await startServer({ dataDir })
  const variables = readFileSync(first.banner.environmentFile, 'utf8')
  const told = (name: string) => new RegExp(`^${name}='(.*)'$`, 'm').exec(variables)?.[1] ?? ''
  const resources =
    `/subscriptions/${told('PARLEY_SUBSCRIPTION_ID')}/resourceGroups/parley/providers/` +
    'Microsoft.Communication/communicationServices'
  const query = '?api-version=2025-09-01'
  const headers = { authorization: `Bearer ${told('PARLEY_ADMIN_TOKEN')}` }
  const deletion = { method: 'DELETE', path: `${resources}/parley${query}`, headers }
  assert.equal((await send(first.banner.httpOrigin, deletion)).status, 200)
  await first.stop()
  const second = launchServer({ dataDir })
  while (parseBanner(second.stdout()) === undefined) {
    await once(second.child.stdout ?? second.child, 'data')
  }
  const { text, httpOrigin } = parseBanner(second.stdout()) ?? assert.fail()
  assert.match(text, /has no resource/)
  const steps = [...text.matchAll(/^ {4}(.*)$/gm)].map(([, line]) => line)
  execFileSync('sh', ['-ec', steps.join('\n')], { env: { PATH: process.env['PATH'] } })
  const got = await send(httpOrigin, {
    method: 'GET',
    path: `${resources}/parley${query}`,
    headers,
  })
  assert.equal(got.status, 200)
  second.child.kill('SIGTERM')
  assert.deepEqual(await second.ended, { code: 0, signal: null })
  const third = await startServer({ dataDir })
  const created = await third.call({ method: 'POST', path: '/identities?api-version=2023-10-01' })
  assert.equal(created.status, 201)
  await third.stop()
})

function hasCommand(name: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${name}`])
    return true
  } catch {
    return false
  }
}

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseSocketUrls } from './janus-settings.ts'
import { readSettings } from './settings.ts'

const complete = {
  PARLEY_JANUS_URLS: 'ws://10.0.0.5:8188, wss://janus.example/ws',
  PARLEY_JANUS_API_SECRET: 'api',
  PARLEY_JANUS_ADMIN_KEY: 'rooms',
}

const administered = {
  ...complete,
  PARLEY_JANUS_ADMIN_URLS: 'ws://10.0.0.5:7188,wss://janus.example/admin',
  PARLEY_JANUS_ADMIN_SECRET: 'admin',
}

describe('the settings of Janus', () => {
  test('say where each is, and what it wants to be told', () => {
    const read = readSettings(administered)
    assert.deepEqual(read.ok && read.value.janus, {
      servers: [
        { url: 'ws://10.0.0.5:8188', adminUrl: 'ws://10.0.0.5:7188' },
        { url: 'wss://janus.example/ws', adminUrl: 'wss://janus.example/admin' },
      ],
      ...{ apiSecret: 'api', adminKey: 'rooms', adminSecret: 'admin' },
    })
  })

  test('may leave the administration out', () => {
    const read = readSettings(complete)
    const servers = read.ok ? read.value.janus?.servers : undefined
    assert.deepEqual(
      servers?.map(({ adminUrl }) => adminUrl),
      [undefined, undefined],
    )
  })

  const refused: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ['PARLEY_JANUS_API_SECRET', { ...complete, PARLEY_JANUS_API_SECRET: '' }],
    ['PARLEY_JANUS_ADMIN_KEY', { ...complete, PARLEY_JANUS_ADMIN_KEY: '' }],
    ['PARLEY_JANUS_API_SECRET', { PARLEY_JANUS_API_SECRET: 'api' }],
    ['PARLEY_JANUS_ADMIN_SECRET', { ...administered, PARLEY_JANUS_ADMIN_SECRET: '' }],
    ['PARLEY_JANUS_ADMIN_URLS', { ...administered, PARLEY_JANUS_ADMIN_URLS: 'ws://one:7188' }],
    ['PARLEY_JANUS_URLS', { ...complete, PARLEY_JANUS_URLS: 'http://one' }],
  ]
  for (const [name, environment] of refused) {
    test(`are refused by ${name}, given ${Object.keys(environment).join(' ')}`, () => {
      const read = readSettings(environment)
      assert.equal(!read.ok && read.fault.name, name)
    })
  }

  const lists: readonly (readonly [string, boolean])[] = [
    ['ws://a:8188', true],
    ['ws://a:8188,wss://b/path', true],
    ['ws://a,ws://a', false],
    ['ws://user:secret@a', false],
    ['https://a', false],
    ['', false],
  ]
  for (const [text, isTaken] of lists) {
    test(`${isTaken ? 'take' : 'refuse'} the addresses ${JSON.stringify(text)}`, () => {
      assert.equal(parseSocketUrls(text).ok, isTaken)
    })
  }
})

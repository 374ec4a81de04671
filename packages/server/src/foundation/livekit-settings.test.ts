import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseLivekitUrl } from './livekit-settings.ts'
import { readSettings } from './settings.ts'

const complete = {
  PARLEY_LIVEKIT_URL: 'wss://live.example.com',
  PARLEY_LIVEKIT_API_KEY: 'key',
  PARLEY_LIVEKIT_API_SECRET: 'secret',
}

describe('the address of a LiveKit', () => {
  const addresses = [
    ['wss://live.example.com', 'https://live.example.com', 'wss://live.example.com'],
    ['https://live.example.com/', 'https://live.example.com', 'wss://live.example.com'],
    ['ws://10.0.0.2:7880', 'http://10.0.0.2:7880', 'ws://10.0.0.2:7880'],
  ] as const
  for (const [text, url, clientUrl] of addresses) {
    test(`is for servers and for clients: ${text}`, () => {
      assert.deepEqual(parseLivekitUrl(text), { ok: true, value: { url, clientUrl } })
    })
  }

  for (const text of [
    '',
    'live.example.com',
    'ftp://a',
    'wss://a/path',
    'wss://key@a',
    'wss://a?b',
  ]) {
    test(`is refused: "${text}"`, () => {
      assert.equal(parseLivekitUrl(text).ok, false)
    })
  }

  test('comes with a key and a secret, or not at all', () => {
    const nameOf = (environment: NodeJS.ProcessEnv) => {
      const settings = readSettings(environment)
      return settings.ok ? settings.value.livekit?.clientUrl : settings.fault.name
    }
    assert.equal(nameOf(complete), 'wss://live.example.com')
    assert.equal(nameOf({}), undefined)
    for (const name of ['PARLEY_LIVEKIT_API_KEY', 'PARLEY_LIVEKIT_API_SECRET'] as const) {
      assert.equal(nameOf({ ...complete, [name]: undefined }), name)
      assert.equal(nameOf({ [name]: 'alone' }), name)
    }
  })
})

import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { describe, test } from 'node:test'
import { fail, ok } from '@parley/protocol'
import { janusRows } from './janus-settings.ts'
import { livekitRows } from './livekit-settings.ts'
import { logLevels } from './log.ts'
import { parseNatsServers } from './nats-place.ts'
import { publishedRates, type RateName } from './rates.ts'
import { readSettings, type Settings, settingRows } from './settings.ts'

const defaults: Settings = {
  dataDir: resolve('.parley'),
  host: '127.0.0.1',
  httpsPort: 4430,
  httpPort: 4480,
  managementPort: 4490,
  databaseUrl: undefined,
  nats: undefined,
  natsCredentials: undefined,
  natsReplicas: 1,
  livekit: undefined,
  janus: undefined,
  callsOfTwo: 'direct',
  masterKey: undefined,
  masterKeyFormer: undefined,
  issuer: undefined,
  publicHosts: [],
  corsOrigins: ['*'],
  rates: new Map(),
  domain: undefined,
  tlsCertificate: undefined,
  tlsKey: undefined,
  signingAlgorithm: 'ES256',
  trustedIssuers: [],
  signingKeyDays: 90,
  logLevel: 'info',
  showsRefusalReasons: false,
  stopTimeoutMs: 10_000,
  hasCanary: true,
  sipEdge: undefined,
  sipJanusUrl: undefined,
  sipJanusSecret: undefined,
  workersCount: 1,
  turnUrls: undefined,
  turnRealm: 'parley',
  turnCli: undefined,
  turnCliPassword: undefined,
}

const trustedIssuer = {
  issuer: 'https://a.example',
  audience: 'api',
  tenant: undefined,
  roleClaim: 'roles',
  roles: [],
}

const published: Settings['rates'] = new Map(
  (Object.keys(publishedRates) as RateName[]).map((name) => [name, publishedRates[name]]),
)

const taken: readonly (readonly [name: string, value: string, set: Partial<Settings>])[] = [
  ['PARLEY_CANARY', 'off', { hasCanary: false }],
  ['PARLEY_WORKERS', '64', { workersCount: 64 }],
  ['PARLEY_TURN_URLS', 'turn:a.example', { turnUrls: ['turn:a.example'] }],
  ['PARLEY_TURN_REALM', 'a.example', { turnRealm: 'a.example' }],
  ['PARLEY_CALLS_OF_TWO', 'server', { callsOfTwo: 'server' }],
  ['PARLEY_DATA_DIR', '/data', { dataDir: '/data' }],
  ['PARLEY_DATA_DIR', 'here', { dataDir: resolve('here') }],
  ['PARLEY_HOST', '::', { host: '::' }],
  ['PARLEY_HTTPS_PORT', '0', { httpsPort: 0 }],
  ['PARLEY_HTTPS_PORT', '65535', { httpsPort: 65_535 }],
  ['PARLEY_HTTP_PORT', '0', { httpPort: 0 }],
  ['PARLEY_HTTP_PORT', '65535', { httpPort: 65_535 }],
  ['PARLEY_HTTP_PORT', 'off', { httpPort: undefined }],
  ['PARLEY_MANAGEMENT_PORT', '9', { managementPort: 9 }],
  ['PARLEY_MANAGEMENT_PORT', 'off', { managementPort: undefined }],
  ['PARLEY_DATABASE_URL', 'postgres://a/b', { databaseUrl: 'postgres://a/b', rates: published }],
  [
    'PARLEY_DATABASE_URL',
    'postgresql://a/b',
    { databaseUrl: 'postgresql://a/b', rates: published },
  ],
  ['PARLEY_RATE_LIMITS', 'published', { rates: published }],
  ['PARLEY_NATS_URL', 'nats://n1', { nats: parseNatsServers('nats://n1') }],
  ['PARLEY_NATS_REPLICAS', '5', { natsReplicas: 5 }],
  ['PARLEY_MASTER_KEY', 'judged where it is used', { masterKey: 'judged where it is used' }],
  ['PARLEY_MASTER_KEY_FORMER', 'judged there too', { masterKeyFormer: 'judged there too' }],
  ['PARLEY_ISSUER', 'https://parley.example', { issuer: 'https://parley.example' }],
  ['PARLEY_ISSUER', 'http://[::1]:4480/a', { issuer: 'http://[::1]:4480/a' }],
  ['PARLEY_PUBLIC_HOSTS', 'Parley.Example', { publicHosts: ['parley.example'] }],
  ['PARLEY_PUBLIC_HOSTS', ' a.b:8443 ,, c ', { publicHosts: ['a.b:8443', 'c'] }],
  ['PARLEY_PUBLIC_HOSTS', ' , ', { publicHosts: [] }],
  ['PARLEY_CORS_ORIGINS', 'off', { corsOrigins: [] }],
  [
    'PARLEY_CORS_ORIGINS',
    'https://A.example:443, http://localhost:5173',
    { corsOrigins: ['https://a.example', 'http://localhost:5173'] },
  ],
  ['PARLEY_DOMAIN', 'Parley.Example', { domain: 'parley.example' }],
  ['PARLEY_DOMAIN', 'a-b.example:8443', { domain: 'a-b.example:8443' }],
  ['PARLEY_SIGNING_ALGORITHM', 'ES256', { signingAlgorithm: 'ES256' }],
  ['PARLEY_SIGNING_ALGORITHM', 'RS256', { signingAlgorithm: 'RS256' }],
  [
    'PARLEY_TRUSTED_ISSUERS',
    '[{"issuer":"https://a.example","audience":"api"}]',
    { trustedIssuers: [trustedIssuer] },
  ],
  ['PARLEY_SIGNING_KEY_DAYS', '1', { signingKeyDays: 1 }],
  ['PARLEY_SIGNING_KEY_DAYS', '3650', { signingKeyDays: 3650 }],
  ['PARLEY_SIGNING_KEY_DAYS', 'off', { signingKeyDays: undefined }],
  ...logLevels.map((logLevel) => ['PARLEY_LOG_LEVEL', logLevel, { logLevel }] as const),
  ['PARLEY_REFUSAL_REASONS', 'on', { showsRefusalReasons: true }],
  ['PARLEY_REFUSAL_REASONS', 'off', { showsRefusalReasons: false }],
  ['PARLEY_STOP_TIMEOUT_MS', '0', { stopTimeoutMs: 0 }],
  ['PARLEY_STOP_TIMEOUT_MS', '600000', { stopTimeoutMs: 600_000 }],
]

const aPort = 'a whole number, 0..65535'
const anIssuer = 'an http(s) URL without a slash at its end'
const hostNames = 'host names separated by commas'
const origins = '"*" alone, or at most 64 origins such as https://app.example'
const refused: readonly (readonly [name: string, value: string, expected: string])[] = [
  ['PARLEY_HTTPS_PORT', '65536', aPort],
  ['PARLEY_HTTPS_PORT', '-1', aPort],
  ['PARLEY_HTTPS_PORT', '44.3', aPort],
  ['PARLEY_HTTPS_PORT', '0x1F', aPort],
  ['PARLEY_HTTPS_PORT', ' 443', aPort],
  ['PARLEY_HTTPS_PORT', 'off', aPort],
  ['PARLEY_HTTP_PORT', '65536', aPort],
  ['PARLEY_HTTP_PORT', 'none', aPort],
  ['PARLEY_MANAGEMENT_PORT', 'OFF', aPort],
  ['PARLEY_DATABASE_URL', 'mysql://user:secret@host/', 'a URL that starts with postgres://'],
  ['PARLEY_DATABASE_URL', 'host=secret', 'a URL that starts with postgres://'],
  ['PARLEY_NATS_URL', 'n1:4222', 'URLs that start with nats:// or tls://, with commas'],
  ['PARLEY_NATS_REPLICAS', '6', 'a whole number, 1..5'],
  ['PARLEY_NATS_CREDENTIALS', 'alone.creds', 'set only where PARLEY_NATS_URL is'],
  ['PARLEY_TURN_REALM', 'a:b', '1 to 127 letters, digits, dots and hyphens'],
  ['PARLEY_TURN_CLI', '127.0.0.1', 'host:port, with commas'],
  ['PARLEY_TURN_CLI', '127.0.0.1:5766', 'set only where PARLEY_TURN_URLS is'],
  ['PARLEY_TURN_CLI_PASSWORD', 'secret', 'set exactly when PARLEY_TURN_CLI is'],
  ['PARLEY_SIP_EDGE', 'parley@edge', 'sip:user:password@host:port'],
  ['PARLEY_SIP_EDGE', 'sip:parley@edge:65536', 'sip:user:password@host:port'],
  ['PARLEY_SIP_JANUS_URL', 'http://janus', 'a URL ws:// or wss://'],
  ['PARLEY_ISSUER', 'https://parley.example/', anIssuer],
  ['PARLEY_ISSUER', 'https://parley.example?a', anIssuer],
  ['PARLEY_ISSUER', 'https://parley.example#a', anIssuer],
  ['PARLEY_ISSUER', 'parley.example', anIssuer],
  ['PARLEY_ISSUER', 'ftp://parley.example', anIssuer],
  ['PARLEY_ISSUER', 'https://', anIssuer],
  ['PARLEY_PUBLIC_HOSTS', 'https://a.example', hostNames],
  ['PARLEY_PUBLIC_HOSTS', 'a.example/b', hostNames],
  ['PARLEY_PUBLIC_HOSTS', 'a.example,b_c', hostNames],
  ['PARLEY_PUBLIC_HOSTS', 'a.example:', hostNames],
  ['PARLEY_PUBLIC_HOSTS', 'a.example:123456', hostNames],
  ['PARLEY_CORS_ORIGINS', '*,https://a.example', origins],
  ['PARLEY_CORS_ORIGINS', 'a.example', origins],
  ['PARLEY_SIGNING_ALGORITHM', 'HS256', 'one of ES256, RS256'],
  ['PARLEY_SIGNING_ALGORITHM', 'es256', 'one of ES256, RS256'],
  [
    'PARLEY_TRUSTED_ISSUERS',
    'https://a.example',
    'a JSON array of {issuer, audience, tenant?, roleClaim?, roles?}, at most 64 of them',
  ],
  ['PARLEY_SIGNING_KEY_DAYS', '1.5', 'a whole number, 1..3650'],
  ['PARLEY_SIGNING_KEY_DAYS', '3651', 'a whole number, 1..3650'],
  ['PARLEY_LOG_LEVEL', 'trace', 'one of silent, fatal, error, warn, info, debug'],
  ['PARLEY_LOG_LEVEL', 'INFO', 'one of silent, fatal, error, warn, info, debug'],
  ['PARLEY_REFUSAL_REASONS', 'true', 'one of on, off'],
  ['PARLEY_STOP_TIMEOUT_MS', '600001', 'a whole number, 0..600000'],
  ['PARLEY_STOP_TIMEOUT_MS', '1e3', 'a whole number, 0..600000'],
]

describe('the settings', () => {
  test('have a default each, or are absent', () => {
    assert.deepEqual(readSettings({}), ok(defaults))
  })

  test('leave the environment of other programs alone', () => {
    assert.deepEqual(readSettings({ PATH: '/bin', parley_host: 'x', XPARLEY_: 'x' }), ok(defaults))
  })

  for (const [name, value, set] of taken) {
    test(`take '${value}' for ${name}`, () => {
      assert.deepEqual(readSettings({ [name]: value }), ok({ ...defaults, ...set }))
    })
  }

  for (const [name, value, expected] of refused) {
    test(`refuse '${value}' for ${name}, and do not repeat it`, () => {
      const outcome = readSettings({ [name]: value })
      assert.deepEqual(outcome, fail({ kind: 'setting-invalid', name, expected }))
      assert.ok(!JSON.stringify(outcome).includes(value))
    })
  }

  test('are absent where their variable is empty', () => {
    const empty = Object.fromEntries(settingRows.map((row) => [row.name, '']))
    assert.deepEqual(readSettings(empty), ok(defaults))
  })

  test('take the way to phones whole, or not at all', () => {
    const whole = {
      PARLEY_SIP_EDGE: 'sip:parley:p%40ss@edge.example',
      PARLEY_SIP_JANUS_URL: 'ws://127.0.0.1:8188',
      PARLEY_SIP_JANUS_SECRET: 'hush',
    }
    const sipEdge = { user: 'parley', password: 'p@ss', host: 'edge.example', port: 5060 }
    const set = { sipEdge, sipJanusUrl: 'ws://127.0.0.1:8188', sipJanusSecret: 'hush' }
    assert.deepEqual(readSettings(whole), ok({ ...defaults, ...set }))
    for (const name of Object.keys(whole)) {
      assert.equal(readSettings({ ...whole, [name]: '' }).ok, false)
    }
  })

  test('take certificate and key as a pair', () => {
    const pair = { PARLEY_TLS_CERTIFICATE: 'a.pem', PARLEY_TLS_KEY: 'b.pem' }
    const set = { tlsCertificate: 'a.pem', tlsKey: 'b.pem' }
    assert.deepEqual(readSettings(pair), ok({ ...defaults, ...set }))
  })

  for (const name of ['PARLEY_TLS_CERTIFICATE', 'PARLEY_TLS_KEY']) {
    test(`refuse ${name} without its other half`, () => {
      assert.deepEqual(
        readSettings({ [name]: 'a.pem' }),
        fail({
          kind: 'setting-invalid',
          name: 'PARLEY_TLS_KEY',
          expected: 'set exactly when PARLEY_TLS_CERTIFICATE is',
        }),
      )
    })
  }
})

describe('a variable that begins with PARLEY_', () => {
  for (const name of ['PARLEY_HTTPS_PROT', 'PARLEY_', 'PARLEY_host', 'PARLEY_TEST']) {
    test(`is refused by its name when no setting is called ${name}`, () => {
      assert.deepEqual(
        readSettings({ [name]: 'secret' }),
        fail({ kind: 'setting-invalid', name, expected: 'a setting that exists' }),
      )
    })
  }

  test('is refused even when it is empty, for a typing error is one all the same', () => {
    assert.equal(readSettings({ PARLEY_HTTPS_PROT: '' }).ok, false)
  })

  const others = [
    'PARLEY_ADMIN_ENDPOINT',
    'PARLEY_ADMIN_TOKEN',
    'PARLEY_SUBSCRIPTION_ID',
    'PARLEY_RESOURCE_GROUP',
    'PARLEY_RESOURCE_NAME',
    'PARLEY_JWKS_URL',
    'PARLEY_HTTP_ENDPOINT',
    'PARLEY_CONTRACTS',
    'PARLEY_TEST_FOLDER',
  ]
  for (const name of others) {
    test(`is passed over when it is ${name}, which a server or its tests set for others`, () => {
      assert.deepEqual(readSettings({ [name]: 'any' }), ok(defaults))
    })
  }
})

describe('the table of settings', () => {
  test('shows every setting once, with a default that reads as that default', () => {
    const shown = settingRows.map(({ name }) => name)
    // Those of a media server make one place together.
    const more = [janusRows, livekitRows].reduce((sum, rows) => sum + rows.length - 1, 0)
    assert.equal(new Set(shown).size, Object.keys(defaults).length + more)
    const printed = settingRows.flatMap(({ name, defaultText }) =>
      defaultText === undefined ? [] : [[name, defaultText]],
    )
    assert.deepEqual(readSettings(Object.fromEntries(printed)), ok(defaults))
  })
})

/**
 * The `parley` command as its users have it: a process of its own, which finds its server by
 * `parley.env`.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { CommunicationIdentityClient } from '@azure/communication-identity'
import { createMapping } from '@parley/trusted-service'
import {
  inheritedEnvironment,
  parseBanner,
  repositoryRoot,
  type ServerProcess,
  startServer,
} from '../server-process.ts'
import { migrate, openSqliteFile } from './trusted/databases.ts'

const bin = join(repositoryRoot, 'packages', 'cli', 'bin', 'parley.mjs')

/** How a command ended and what it printed. */
interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
  /** Standard output, parsed. */
  readonly json: () => Record<string, unknown>
}

let folder = ''
let server: ServerProcess

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'parley-cli-'))
  chmodSync(folder, 0o711)
  server = await startServer({ dataDir: join(folder, '.parley') })
})

after(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** Runs the command in the folder of the server's data directory, as its owner would. */
async function parley(
  words: readonly string[],
  {
    input = '',
    env = {},
    cwd = folder,
  }: {
    readonly input?: string
    readonly env?: Readonly<Record<string, string>>
    readonly cwd?: string
  } = {},
): Promise<Ran> {
  const child = spawn(process.execPath, [bin, ...words], {
    cwd,
    env: { ...inheritedEnvironment(), ...env },
  })
  child.stdin.end(input)
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ])
  return { code, out, err, json: () => JSON.parse(out) as Record<string, unknown> }
}

/** Runs a command that is to succeed, and gives what it printed without the end of the line. */
async function printed(words: readonly string[]): Promise<string> {
  const { code, out, err } = await parley(words)
  assert.deepEqual({ code, err }, { code: 0, err: '' })
  return out.trimEnd()
}

describe('identities on the command line', () => {
  test('are created, shown and deleted', async () => {
    const identity = await printed(['identity', 'create'])
    assert.match(identity, /^8:acs:[0-9a-f-]{36}_[0-9a-f-]{36}$/)
    await printed(['token', 'issue', identity])
    const shown = (await parley(['identity', 'show', identity, '--json'])).json()
    assert.equal(shown['id'], identity)
    assert.equal(shown['liveTokens'], 1)
    assert.equal(await printed(['identity', 'delete', identity]), `deleted ${identity}`)
    const gone = await parley(['identity', 'show', identity])
    assert.equal(gone.code, 1)
    assert.match(gone.err, /IdentityNotOwned/)
  })

  test('are created by the hundred, each on a line of its own', async () => {
    const lines = (await printed(['identity', 'create', '--count', '100'])).split('\n')
    assert.equal(new Set(lines).size, 100)
  })

  test('are the same for the same custom id', async () => {
    const create = ['identity', 'create', '--custom-id', 'ann']
    assert.equal(await printed(create), await printed(create))
  })

  test('say which one of several could not be deleted, and what was done before', async () => {
    const identity = await printed(['identity', 'create'])
    const foreign = identity.replace(/_.*/, '_00000000-0000-0000-0000-000000000000')
    const { code, err } = await parley(['identity', 'delete', identity, foreign, '--json'])
    assert.equal(code, 1)
    const { error } = JSON.parse(err) as { error: { message: string; code: string } }
    assert.equal(error.code, 'IdentityNotOwned')
    assert.ok(
      error.message.startsWith(foreign) && error.message.endsWith('1 were deleted before it'),
    )
  })
})

describe('tokens on the command line', () => {
  test('are issued with scopes, lifetime and device, and seen in who', async () => {
    const issue = ['token', 'issue', '--scopes', 'chat,voip', '--minutes', '60', '--json']
    const issued = (await parley([...issue, '--device', 'kiosk'])).json()
    const identity = issued['identity'] as string
    const who = (await parley(['who', '--identity', identity, '--json'])).json()
    const [token, ...others] = who['tokens'] as readonly Record<string, unknown>[]
    assert.deepEqual(others, [])
    assert.deepEqual(token?.['scopes'], ['chat', 'voip'])
    assert.equal(token?.['device'], 'kiosk')
    assert.equal(who['isWhole'], true)
    const minutes = (Date.parse(issued['expiresOn'] as string) - Date.now()) / 60_000
    assert.ok(minutes > 58 && minutes <= 60, `${minutes}`)
  })

  test('are decoded without asking anybody', async () => {
    const token = await printed(['token', 'issue'])
    const nowhere = {
      COMMUNICATION_SERVICES_CONNECTION_STRING: 'endpoint=https://127.0.0.1:1/;accesskey=YQ==',
    }
    const { code, out } = await parley(['token', 'decode', '-', '--json'], {
      input: `${token}\n`,
      env: nowhere,
    })
    assert.equal(code, 0)
    const { claims } = JSON.parse(out) as { claims: { acsScope: string } }
    assert.equal(claims.acsScope, 'chat')
  })

  test('are explained: live, revoked, changed, no token at all', async () => {
    const token = await printed(['token', 'issue', '--scopes', 'voip'])
    const live = await parley(['token', 'explain', token])
    assert.equal(live.code, 0)
    assert.match(live.out, /^The token is live\.\n/)

    const changed = `${token.slice(0, -8)}${token.endsWith('AAAAAAAA') ? 'BBBBBBBB' : 'AAAAAAAA'}`
    const refused = await parley(['token', 'explain', changed, '--json'])
    assert.equal(refused.code, 1)
    assert.equal(refused.json()['reason'], 'bad-signature')

    const revoked = await parley(['token', 'revoke', '--token', '-', '--json'], { input: token })
    assert.equal(revoked.json()['status'], 'revoked')
    const dead = await parley(['token', 'explain', token])
    assert.equal(dead.code, 1)
    assert.match(dead.out, /^The token is genuine and in time, and the server refuses it/)
    assert.equal((await parley(['token', 'explain', 'x.y'])).code, 1)
  })

  test('are revoked by identity, and there is nothing to revoke of a stranger', async () => {
    const issued = (await parley(['token', 'issue', '--json'])).json()
    const identity = issued['identity'] as string
    assert.match(
      await printed(['token', 'revoke', '--identity', identity]),
      /dead everywhere since/,
    )
    const dead = await parley(['token', 'explain', issued['token'] as string, '--json'])
    assert.equal(dead.json()['reason'], 'void')
    const unknown = await parley([
      'token',
      'revoke',
      '--jti',
      '00000000-0000-0000-0000-000000000000',
    ])
    assert.deepEqual([unknown.code, unknown.out], [1, 'nothing like that is live\n'])
  })

  test('are refused for other scopes and lifetimes before a server is asked', async () => {
    const nowhere = { env: { COMMUNICATION_SERVICES_CONNECTION_STRING: '' }, cwd: tmpdir() }
    const scope = await parley(['token', 'issue', '--scopes', 'chat,sms'], nowhere)
    assert.equal(scope.code, 2)
    assert.match(scope.err, /there is no scope "sms"/)
    const minutes = await parley(['token', 'issue', '--minutes', '59'], nowhere)
    assert.equal(minutes.code, 2)
    assert.match(minutes.err, /from 60 to 1440/)
    const two = await parley(['token', 'revoke', '--jti', 'a', '--token', 'b'], nowhere)
    assert.equal(two.code, 2)
  })
})

describe('resources and keys on the command line', () => {
  test('are made, listed, shown and deleted', async () => {
    const connectionString = await printed(['resource', 'create', 'shop'])
    const created = await parley(['identity', 'create', '--connection-string', connectionString])
    assert.equal(created.code, 0)
    assert.match(await printed(['resource', 'list']), /^shop +Succeeded/m)
    assert.match(await printed(['resource', 'show', 'shop']), /data location: +Norway/)
    const unsaid = await parley(['resource', 'delete', 'shop'])
    assert.equal(unsaid.code, 2)
    assert.match(unsaid.err, /--yes/)
    assert.equal(await printed(['resource', 'delete', 'shop', '--yes']), 'deleted shop')
    assert.equal((await parley(['resource', 'delete', 'shop', '--yes'])).code, 1)
    const dead = await parley(['identity', 'create', '--connection-string', connectionString])
    assert.equal(dead.code, 1)
  })

  test('have keys that are shown without their secrets, and regenerated', async () => {
    const former = await printed(['resource', 'create', 'desk'])
    const keys = await printed(['key', 'list', '--resource', 'desk'])
    assert.match(keys, /^primary +1 /m)
    assert.doesNotMatch(keys, /accesskey/)
    const secrets = await printed(['key', 'list', '--resource', 'desk', '--secrets'])
    assert.ok(secrets.includes(former))
    const regenerated = await parley([
      'key',
      'regenerate',
      'primary',
      '--resource',
      'desk',
      '--json',
    ])
    const { connectionString } = regenerated.json() as { connectionString: string }
    const before = await parley(['identity', 'create', '--connection-string', former])
    const now = await parley(['identity', 'create', '--connection-string', connectionString])
    assert.deepEqual([before.code, now.code], [1, 0])
    assert.match(await printed(['key', 'list', '--resource', 'desk']), /^primary +2 /m)
  })
})

describe('usage on the command line', () => {
  test('is nothing at first, and counts messages by the hour', async () => {
    assert.equal(await printed(['usage', '--to', '2020-01-01T00:00:00Z']), 'nothing')
    const token = await printed(['token', 'issue', '--scopes', 'chat'])
    const threads = `${server.banner.httpOrigin}/chat/threads`
    const version = '?api-version=2025-03-15'
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const post = async (url: string, body: object) => {
      const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
      assert.equal(answer.status, 201)
      return (await answer.json()) as { chatThread: { id: string } }
    }
    const { chatThread } = await post(`${threads}${version}`, { topic: 'one' })
    const messages = `${threads}/${encodeURIComponent(chatThread.id)}/messages${version}`
    for (const content of ['one', 'two', 'three']) await post(messages, { content })
    const { usage } = (await parley(['usage', '--json'])).json() as {
      usage: readonly { meter: string; quantity: number }[]
    }
    const sent = usage.filter(({ meter }) => meter === 'chat-messages-sent')
    assert.equal(
      sent.reduce((sum, { quantity }) => sum + quantity, 0),
      3,
    )
    assert.match(await printed(['usage']), /chat-messages-sent +\d/)
  })
})

describe('a mapping on the command line', () => {
  const pattern = 'one-to-one'

  test('is examined and mended: links to what is gone, and identities of nobody', async () => {
    const path = join(folder, 'app.db')
    const db = openSqliteFile(path)
    await migrate(db, { dialect: 'sqlite', pattern })
    const [alive, gone] = await Promise.all([
      printed(['identity', 'create']),
      printed(['identity', 'create']),
    ])
    const service = new CommunicationIdentityClient(server.banner.connectionString)
    const mapping = createMapping({ db, dialect: 'sqlite', pattern, service })
    assert.ok((await mapping.link({ user: 'ann', identity: alive })).ok)
    assert.ok((await mapping.link({ user: 'ben', identity: gone })).ok)
    const doctor = ['mapping', 'doctor', '--database', `sqlite:${path}`, '--json']
    await printed(['identity', 'delete', gone])
    const examined = await parley(doctor)
    assert.equal(examined.code, 1)
    assert.deepEqual(
      (examined.json()['findings'] as { kind: string }[]).map(({ kind }) => kind),
      ['dead-link'],
    )
    assert.equal((await parley([...doctor, '--repair'])).code, 0)
    assert.deepEqual((await parley(doctor)).json(), { findings: [] })
    const links = await db.selectFrom('parley_link').select('user_id').execute()
    assert.deepEqual(links, [{ user_id: 'ann' }])
  })

  test('is not taken for empty when the database or the key is wrong', async () => {
    const missing = await parley(['mapping', 'doctor', '--database', 'sqlite:/nowhere/app.db'])
    assert.equal(missing.code, 2)
    const unknown = await parley(['mapping', 'doctor', '--database', 'oracle://x'])
    assert.equal(unknown.code, 2)
  })
})

describe('the command', () => {
  test('says how to reach a server, and ends with 3 when there is no answer', async () => {
    const empty = mkdtempSync(join(folder, 'empty-'))
    const none = await parley(['who'], { cwd: empty })
    assert.equal(none.code, 2)
    assert.match(none.err, /parley start/)
    writeFileSync(
      join(empty, 'other.env'),
      "COMMUNICATION_SERVICES_CONNECTION_STRING='endpoint=http://127.0.0.1:1/;accesskey=YQ=='\n",
    )
    const silent = await parley(['who', '--env-file', 'other.env', '--json'], { cwd: empty })
    assert.equal(silent.code, 3)
    const { error } = JSON.parse(silent.err) as { error: { kind: string } }
    assert.equal(error.kind, 'unreachable')
  })

  test('ends with 1 for a key that is not accepted, and says the request', async () => {
    const [endpoint] = server.banner.connectionString.split(';')
    const wrong = `${endpoint};accesskey=${Buffer.alloc(64).toString('base64')}`
    const { code, err } = await parley(['who', '--connection-string', wrong])
    assert.equal(code, 1)
    assert.match(err, /In the server's log this is request [0-9a-f-]{36}/)
  })

  test('ends with 2 for a command that does not exist, and suggests one', async () => {
    const { code, err } = await parley(['identty'])
    assert.equal(code, 2)
    assert.match(err, /Did you mean identity\?/)
  })

  test('completes commands, flags and choices in bash', async () => {
    const script = await printed(['completion', 'bash'])
    const complete = (line: string) => {
      const words = line.split(' ')
      const ask = `${script}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})
COMP_CWORD=${words.length - 1}\n_parley\nprintf '%s\\n' "\${COMPREPLY[@]}"`
      return spawnSync('bash', ['-c', ask], { encoding: 'utf8' }).stdout.trim().split('\n')
    }
    assert.deepEqual(complete('parley tok'), ['token'])
    assert.deepEqual(complete('parley token ex'), ['explain'])
    assert.deepEqual(complete('parley key regenerate s'), ['secondary'])
    assert.ok(complete('parley token issue --').includes('--scopes'))
    assert.match(await printed(['completion', 'zsh']), /bashcompinit/)
    assert.match(await printed(['completion', 'fish']), /__fish_use_subcommand/)
  })

  test('starts a server that ends by SIGTERM', async () => {
    const dataDir = join(folder, 'started')
    const words = ['start', '--data-dir', dataDir, '--https-port', '0', '--http-port', '0']
    const env = { ...inheritedEnvironment(), PARLEY_MANAGEMENT_PORT: '0' }
    const child = spawn(process.execPath, [bin, ...words], {
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let shown = ''
    for await (const chunk of child.stdout) {
      shown += String(chunk)
      if (parseBanner(shown) !== undefined && shown.includes('Stop with')) break
    }
    assert.match(readFileSync(join(dataDir, 'parley.env'), 'utf8'), /PARLEY_ADMIN_TOKEN/)
    child.kill('SIGTERM')
    const [code] = (await once(child, 'exit')) as [number | null]
    assert.equal(code, 0)
  })
})

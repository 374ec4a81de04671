import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect, createServer } from 'node:tls'
import { developmentCertificate } from './development-certificate.ts'

const dayMs = 24 * 60 * 60 * 1000
// Certificates are verified by the clock of the machine, so the tests start from it.
const nowMs = Math.floor(Date.now() / 1000) * 1000

describe('a development certificate', () => {
  let root = ''
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'parley-tls-'))
  })
  after(() => rm(root, { recursive: true, force: true }))

  async function made(directory: string, asked: { hostNames?: string[]; atMs?: number } = {}) {
    const { hostNames = [], atMs = nowMs } = asked
    const outcome = await developmentCertificate({ dir: directory, hostNames, nowMs: atMs })
    assert.ok(outcome.ok)
    return outcome.value
  }

  test('is trusted by a client that trusts its authority, under each of its names', async () => {
    const { certificate, privateKey, authority } = await made(join(root, 'trusted'), {
      hostNames: ['*.parley.test'],
    })
    const server = createServer({ cert: certificate, key: privateKey }, (socket) => socket.end())
    server.listen(0)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    /** What the client makes of the certificate when it asked for `servername`. */
    const verdict = async (servername: string, ca: string | undefined) => {
      const trust = ca === undefined ? {} : { ca }
      const socket = connect({ port, host: '127.0.0.1', servername, ...trust })
      try {
        await once(socket, 'secureConnect')
        return 'trusted'
      } catch (error) {
        return error instanceof Error && 'code' in error ? error.code : error
      } finally {
        socket.destroy()
      }
    }
    try {
      for (const name of ['localhost', 'acme.parley.test']) {
        assert.equal(await verdict(name, authority), 'trusted', name)
      }
      assert.equal(await verdict('elsewhere.test', authority), 'ERR_TLS_CERT_ALTNAME_INVALID')
      assert.equal(await verdict('localhost', undefined), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
    } finally {
      server.close()
    }
    const parsed = new X509Certificate(certificate)
    assert.equal(parsed.checkIP('127.0.0.1'), '127.0.0.1')
    assert.equal(parsed.checkIP('::1'), '::1')
  })

  test('satisfies OpenSSL at its strictest', async (context) => {
    try {
      execFileSync('openssl', ['version'])
    } catch {
      return context.skip('openssl is not installed')
    }
    const directory = join(root, 'strict')
    await made(directory)
    const verify = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile']
    for (const name of [
      ['-verify_hostname', 'localhost'],
      ['-verify_ip', '::1'],
    ]) {
      const files = [join(directory, 'ca.pem'), ...name, join(directory, 'server.pem')]
      const said = execFileSync('openssl', [...verify, ...files], { encoding: 'utf8' })
      assert.match(said, /server\.pem: OK/)
    }
  })

  test('is of curve P-256, for servers only, below an authority for ten years', async () => {
    const { certificate, authority } = await made(join(root, 'shape'))
    const [server, ca] = [new X509Certificate(certificate), new X509Certificate(authority)]
    assert.deepEqual(
      [server, ca].map(({ publicKey }) => publicKey.asymmetricKeyDetails?.namedCurve),
      ['prime256v1', 'prime256v1'],
    )
    assert.deepEqual([server.ca, ca.ca], [false, true])
    assert.deepEqual([...(server.keyUsage ?? [])], ['1.3.6.1.5.5.7.3.1'])
    const days = (x509: X509Certificate) =>
      (Date.parse(x509.validTo) - Date.parse(x509.validFrom)) / dayMs
    assert.deepEqual([days(server), days(ca)], [397, 3652])
  })

  test('keeps its keys to their owner and leaves no draft', async () => {
    const directory = join(root, 'modes')
    await made(directory)
    const modes = await Promise.all(
      (await readdir(directory)).sort().map(async (name) => {
        const { mode } = await stat(join(directory, name))
        return [name, (mode & 0o777).toString(8)]
      }),
    )
    assert.deepEqual(modes, [
      ['ca.key', '600'],
      ['ca.pem', '644'],
      ['server.key', '600'],
      ['server.pem', '644'],
    ])
  })

  describe('of an earlier start', () => {
    const starts = [
      ['is kept when nothing changed', {}, { authority: true, server: true }],
      [
        'is kept with 31 days left',
        { atMs: nowMs + 365 * dayMs },
        { authority: true, server: true },
      ],
      [
        'is renewed with 29 days left',
        { atMs: nowMs + 368 * dayMs },
        { authority: true, server: false },
      ],
      [
        'is renewed long after it expired',
        { atMs: nowMs + 3000 * dayMs },
        { authority: true, server: false },
      ],
      [
        'is renewed when a name came',
        { hostNames: ['a.test', 'b.test'] },
        { authority: true, server: false },
      ],
      ['is renewed when a name went', { hostNames: [] }, { authority: true, server: false }],
      [
        'is replaced with its authority in year ten',
        { atMs: nowMs + 3630 * dayMs },
        { authority: false, server: false },
      ],
    ] as const
    for (const [what, change, kept] of starts) {
      test(what, async () => {
        const directory = await mkdtemp(join(root, 'again-'))
        const first = await made(directory, { hostNames: ['a.test'] })
        const second = await made(directory, { hostNames: ['a.test'], ...(change as object) })
        assert.equal(second.authority === first.authority, kept.authority)
        assert.equal(second.isNewAuthority, !kept.authority)
        assert.equal(second.certificate === first.certificate, kept.server)
        assert.equal(second.privateKey === first.privateKey, kept.server)
        const third = await made(directory, { hostNames: ['a.test'], ...(change as object) })
        assert.equal(third.certificate, second.certificate)
      })
    }

    test('never outlives its authority', async () => {
      const directory = await mkdtemp(join(root, 'last-'))
      const first = await made(directory)
      const last = await made(directory, { atMs: nowMs + 3500 * dayMs })
      const authorityEndsMs = Date.parse(new X509Certificate(first.authority).validTo)
      assert.equal(last.notAfterMs, authorityEndsMs)
    })

    const damages = [
      ['server.key', 'gone', { authority: true, server: false }],
      ['server.pem', 'torn', { authority: true, server: false }],
      ['server.key', 'foreign', { authority: true, server: false }],
      ['ca.key', 'gone', { authority: false, server: false }],
      ['ca.pem', 'torn', { authority: false, server: false }],
      ['ca.key', 'foreign', { authority: false, server: false }],
    ] as const
    for (const [file, damage, kept] of damages) {
      test(`is made again when ${file} is ${damage}`, async () => {
        const directory = await mkdtemp(join(root, 'damaged-'))
        const first = await made(directory)
        const other = await mkdtemp(join(root, 'other-'))
        await made(other)
        const text = await readFile(join(damage === 'foreign' ? other : directory, file), 'utf8')
        if (damage === 'gone') await rm(join(directory, file))
        else await writeFile(join(directory, file), damage === 'torn' ? text.slice(0, 100) : text)
        const second = await made(directory)
        assert.equal(second.authority === first.authority, kept.authority)
        assert.equal(second.certificate === first.certificate, kept.server)
        assert.ok(
          new X509Certificate(second.certificate).checkIssued(
            new X509Certificate(second.authority),
          ),
        )
      })
    }
  })

  test('does not load what makes certificates when it has one', async () => {
    const directory = join(root, 'trusted')
    const program = `
      const { developmentCertificate } = await import(process.argv[1])
      await developmentCertificate({
        dir: process.argv[2], hostNames: ['*.parley.test'], nowMs: ${nowMs} })
      console.log(typeof Reflect.getMetadata)`
    const module = new URL('./development-certificate.js', import.meta.url).href
    const args = ['--input-type=module', '-e', program, module, directory]
    const said = execFileSync(process.execPath, args, { encoding: 'utf8' })
    assert.equal(said.trim(), 'undefined')
  })
})

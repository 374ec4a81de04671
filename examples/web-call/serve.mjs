/**
 * Runs the example: bundles the page, starts Parley if none is named, and serves both.
 *
 * With COMMUNICATION_SERVICES_CONNECTION_STRING (and PARLEY_HTTP_ENDPOINT, for a development
 * server whose certificate browsers do not know) it uses that Parley; PORT is where it listens.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { CommunicationIdentityClient } from '@azure/communication-identity'
import { build } from 'esbuild'
import { createAppServer } from './app-server.mjs'

const pathOf = (path) => fileURLToPath(new URL(path, import.meta.url))

/** Starts a Parley of this example's own, and reads from its banner how it is reached. */
async function startParley() {
  const child = spawn(process.execPath, [pathOf('../../scripts/start.mjs')], {
    env: {
      ...process.env,
      PARLEY_DATA_DIR: pathOf('.parley'),
      PARLEY_HTTPS_PORT: '0',
      PARLEY_HTTP_PORT: '0',
      PARLEY_MANAGEMENT_PORT: '0',
      PARLEY_LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => child.kill('SIGTERM'))
  child.once('exit', (code) => process.exit(code ?? 1))
  let banner = ''
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    banner += chunk
    const connectionString = /^(endpoint=\S+)$/m.exec(banner)?.[1]
    const httpEndpoint = /^Plain http.*: (\S+)$/m.exec(banner)?.[1]
    if (connectionString && httpEndpoint) return { connectionString, httpEndpoint }
  }
  throw new Error('Parley did not start.')
}

/** The page's files; what is written in TypeScript becomes one script. */
async function bundlePage() {
  await build({
    entryPoints: [pathOf('src/main.ts')],
    outfile: pathOf('dist/main.js'),
    bundle: true,
    format: 'esm',
    target: 'es2022',
    sourcemap: 'inline',
    logLevel: 'warning',
  })
  const names = ['index.html', 'style.css', 'icon.svg', 'icons.svg']
  const files = names.map((name) => [`/${name}`, pathOf(`public/${name}`)])
  const page = pathOf('public/index.html')
  return Object.fromEntries([...files, ['/', page], ['/main.js', pathOf('dist/main.js')]])
}

const { COMMUNICATION_SERVICES_CONNECTION_STRING, PARLEY_HTTP_ENDPOINT, PORT } = process.env
const reached =
  COMMUNICATION_SERVICES_CONNECTION_STRING === undefined
    ? await startParley()
    : {
        connectionString: COMMUNICATION_SERVICES_CONNECTION_STRING,
        httpEndpoint: PARLEY_HTTP_ENDPOINT,
      }
const [, secureEndpoint, accessKey] = /endpoint=([^;]+);accesskey=(.+)/i.exec(
  reached.connectionString,
)
const endpoint = reached.httpEndpoint ?? secureEndpoint
const identity = new CommunicationIdentityClient(`endpoint=${endpoint};accesskey=${accessKey}`, {
  allowInsecureConnection: endpoint.startsWith('http:'),
})
const server = createAppServer({ identity, endpoint, files: await bundlePage() })
server.listen(Number(PORT ?? 3000), '127.0.0.1', () => {
  const { port } = server.address()
  console.log(`Open http://localhost:${port}/ in two windows, and sign in as two people.`)
})

/**
 * What `npm start` runs: builds the server if a source is newer than what was built, then becomes
 * it. The server is imported instead of spawned, so that signals and exit codes are its own; for
 * the same reason the script in package.json says `exec`: npm signals the shell that it started,
 * and a shell that waits for Node would die alone and leave the server running.
 *
 * An installation without development packages has no compiler; what was built there starts as it
 * is.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const compiler = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url))
const server = new URL('../packages/server/dist/main.js', import.meta.url)

if (existsSync(compiler)) {
  if (!existsSync(server)) console.error('Building the server for its first start.')
  const build = spawnSync(process.execPath, [compiler, '-b', 'packages/server'], {
    cwd: root,
    encoding: 'utf8',
  })
  if (build.error !== undefined) throw build.error
  if (build.status !== 0) {
    console.error(
      `${build.stdout}${build.stderr}\nThe server does not compile; nothing was started.`,
    )
    process.exit(1)
  }
}
if (!existsSync(server)) {
  console.error('The server is not built and there is no compiler. Run npm ci first.')
  process.exit(1)
}
await import(server.href)

/** A verifier in the clients' own process, that follows one node. */
import { setTimeout as delay } from 'node:timers/promises'
import { fetchJwks, followRevocations } from '@parley/verifier'
import { createVerifier } from '@parley/verifier/node'
import { type Scene, someTokens } from './clients.ts'
import type { FleetNode } from './fleet.ts'
import type { Use } from './history.ts'

/** How old what it knows may be; confirmation does not wait for this one. */
const maxStalenessMs = 1000

/** Follows whatever stands behind a node, and notes what it says of tokens. */
export async function followAt(scene: Scene, node: FleetNode): Promise<void> {
  while (!scene.isOver()) {
    const { server } = node
    const endpoint = server.banner.httpOrigin
    const keys = await fetchJwks({ url: `${endpoint}/.well-known/jwks.json` })
    if (!keys.ok) {
      await delay(50)
      continue
    }
    const verifier = createVerifier({ keys: keys.value, issuer: 'https://parley.example' })
    const accessKey = node.accessKey.toString('base64')
    const following = followRevocations({ verifier, endpoint, accessKey, maxStalenessMs })
    const judge = (token: string): Use['verdict'] => {
      const verdict = verifier.verify(token)
      if (verdict.ok) return 'live'
      return verdict.reason === 'void' ? 'dead' : 'refused'
    }
    while (!scene.isOver() && node.server === server) {
      judgeSome(scene, `follower of ${node.name}`, judge)
      await delay(40)
    }
    following.close()
  }
}

function judgeSome(scene: Scene, at: string, judge: (token: string) => Use['verdict']): void {
  const { journal } = scene
  for (const token of someTokens(scene)) {
    const startedAtMs = journal.now()
    const verdict = judge(token)
    const staleMs = maxStalenessMs
    journal.uses.push({ token, at, verdict, staleMs, startedAtMs, endedAtMs: startedAtMs })
  }
}

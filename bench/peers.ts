import { type Bench, type Claim, compare, differences, ratios } from './harness.ts'
import { startBare } from './servers.ts'
import { bareChecking, bareIssuing, peerGranting } from './yardsticks.ts'

/**
 * What the yardsticks themselves cost on this machine: without these figures a ratio to them says
 * little. No claim of Parley hangs on them.
 */
export async function measurePeers(bench: Bench): Promise<Claim[]> {
  const connections = 32
  const [checking, signing, signingTls, granting] = await Promise.all([
    startBare({ work: 'check', protocol: 'http:' }),
    startBare({ work: 'check-and-sign', protocol: 'http:' }),
    startBare({ work: 'check-and-sign', protocol: 'https:' }),
    peerGranting(connections),
  ])
  try {
    const [check, plain, tls, grant] = await compare(bench, [
      bareChecking(checking, connections, ['token=none']),
      await bareIssuing(signing, connections),
      await bareIssuing(signingTls, connections),
      granting.contender,
    ])
    return [
      { text: 'bare handler over oidc-provider', figures: ratios(plain, grant), unit: 'x' },
      { text: 'bare handler, https adds', figures: differences(tls, plain), unit: 'us' },
      { text: 'bare handler, signing adds', figures: differences(plain, check), unit: 'us' },
    ]
  } finally {
    await Promise.all([checking, signing, signingTls, granting.peer].map((server) => server.stop()))
  }
}

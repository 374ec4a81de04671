/**
 * A network of a tier's own: loopback, and one address that nobody outside can reach, so that media
 * servers on fixed ports of many runs never meet, and none of them is seen from outside.
 */
import { spawnSync } from 'node:child_process'

/** The address in such a network that is not loopback, which media servers do not use. */
export const namespaceAddress = '10.99.0.1'

/** Brings the network up; a pair of interfaces, each the other's line, takes no module. */
const setUp = [
  'ip link set lo up',
  'ip link add parley0 type veth peer name parley1',
  `ip addr add ${namespaceAddress}/24 dev parley0`,
  'ip link set parley0 up',
  'ip link set parley1 up',
  'ip route add default dev parley0',
].join(' && ')

/** What runs a command in a network of its own, to be put before it. */
export function namespacePrefix(): readonly string[] {
  const [uid = 0, gid = 0] = [process.getuid?.(), process.getgid?.()]
  if (uid === 0) return ['unshare', '-n', 'sh', '-c', `${setUp} && exec "$@"`, 'sh']
  // Whoever is not root is, where the network is made, and then itself again: to the server's
  // database a root without other accounts would be neither.
  const again = `exec unshare --map-user=${uid} --map-group=${gid} "$@"`
  return ['unshare', '-rn', 'sh', '-c', `${setUp} && ${again}`, 'sh']
}

/** Why no network can be had; `undefined` where one can. */
export function lackOfNamespace(): string | undefined {
  const [command = '', ...rest] = namespacePrefix()
  const tried = spawnSync(command, [...rest, 'true'], { encoding: 'utf8' })
  if (tried.status === 0) return undefined
  const said = (tried.error?.message ?? tried.stderr).trim()
  return `no network of its own is to be had (unshare of util-linux, ip of iproute2): ${said}`
}

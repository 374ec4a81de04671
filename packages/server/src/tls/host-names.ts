import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { fail, ok, type Result } from '@parley/protocol'

/** A name that a certificate can stand for. */
export interface CertifiedName {
  readonly type: 'dns' | 'ip'
  /** Lower case ASCII, without brackets or a final dot. */
  readonly value: string
}

/** A configured host name is neither a name nor an address. */
export interface HostNameInvalid {
  readonly kind: 'host-name-invalid'
  readonly message: string
}

const label = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?'
const namePattern = new RegExp(`^(?:\\*\\.)?(?:${label}\\.)*${label}$`)

/** What every development certificate stands for: this machine, from itself. */
const loopbackNames: readonly string[] = ['localhost', '127.0.0.1', '::1']

/**
 * Reads one host name: a DNS name, `*.` and a DNS name, an IPv4 or an IPv6 address, the last with
 * or without brackets. Names in other scripts are turned into their ASCII form.
 *
 * @faults `host-name-invalid` - anything else, a name with a port too.
 */
export function parseHostName(text: string): Result<CertifiedName, HostNameInvalid> {
  const address = text.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  if (isIP(address) !== 0 && !address.includes('%')) return ok({ type: 'ip', value: address })
  const name = /[^ -~]/.test(text) ? domainToASCII(text) : text.toLowerCase()
  const value = name.replace(/\.$/, '')
  if (value.length <= 253 && namePattern.test(value)) return ok({ type: 'dns', value })
  const message = `${JSON.stringify(text)} is no host name that a certificate can stand for.`
  return fail({ kind: 'host-name-invalid', message })
}

/**
 * The names of a development certificate: this machine and the configured ones, each once.
 *
 * @faults `host-name-invalid` - for the first configured name that is none.
 */
export function certifiedNames(
  configured: readonly string[],
): Result<readonly CertifiedName[], HostNameInvalid> {
  const names = new Map<string, CertifiedName>()
  for (const text of [...loopbackNames, ...configured]) {
    const parsed = parseHostName(text)
    if (!parsed.ok) return parsed
    names.set(parsed.value.value, parsed.value)
  }
  return ok([...names.values()])
}

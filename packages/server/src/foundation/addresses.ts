import { fail, ok, type Result } from '@parley/protocol'

/** Reads the URL of a PostgreSQL. @faults a text: what it must be, as all faults here. */
export function parseDatabaseUrl(text: string): Result<string, string> {
  const isUrl = /^postgres(ql)?:\/\//.test(text)
  return isUrl ? ok(text) : fail('a URL that starts with postgres://')
}

/** Reads an issuer as `iss` has it. */
export function parseIssuer(text: string): Result<string, string> {
  const isIssuer =
    URL.canParse(text) && /^https?:\/\/[\x21-\x7e]+$/.test(text) && !/[?#"\\]|\/$/.test(text)
  return isIssuer ? ok(text) : fail('an http(s) URL without a slash at its end')
}

const domainPattern =
  /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?(:[0-9]{1,5})?$/

/** Reads a domain name, whose case does not count. */
export function parseDomain(text: string): Result<string, string> {
  const domain = text.toLowerCase()
  return domainPattern.test(domain) ? ok(domain) : fail('a domain name, with port if any')
}

/** Reads host names, whose case does not count. */
export function parseHosts(text: string): Result<readonly string[], string> {
  const hosts = text.split(',').map((host) => host.trim().toLowerCase())
  const named = hosts.filter((host) => host !== '')
  const areHosts = named.every((host) => /^[a-z0-9.-]+(:[0-9]{1,5})?$/.test(host))
  return areHosts ? ok(named) : fail('host names separated by commas')
}

const loopback = /^(localhost|127(\.[0-9]{1,3}){3}|\[::1\])$/

/**
 * The URL of something that is believed: https, or plain http on a loopback host.
 *
 * @param option - what the message of the error calls it.
 * @throws TypeError for any other text.
 */
export function safeUrl(text: string, option: string): URL {
  const url = new URL(text)
  const { protocol, hostname } = url
  if (protocol === 'https:' || (protocol === 'http:' && loopback.test(hostname))) return url
  throw new TypeError(`${option}: expected https, or http on a loopback host`)
}

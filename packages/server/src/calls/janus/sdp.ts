/** The little that we read and write in descriptions of media (SDP). @source RFC 8866, RFC 8829. */

const ufragPattern = /^a=ice-ufrag:(\S+)\r?$/m
const midPattern = /^a=mid:(\S+)\r?$/m

/** Names the connection that a description is of; its candidates say the same. */
export function ufragOf(sdp: string): string | undefined {
  return ufragPattern.exec(sdp)?.[1]
}

/** The names of the media of a description, in their order. */
export function midsOf(sdp: string): readonly string[] {
  return sectionsOf(sdp).flatMap((section) => midPattern.exec(section)?.[1] ?? [])
}

/**
 * Says in an offer whose each medium is: what a browser receives comes in a stream with the name of
 * the leg.
 *
 * @param legByMid - absent ones are of nobody any more.
 */
export function withOwners(sdp: string, legByMid: ReadonlyMap<string, string>): string {
  const [session = ''] = sdp.split(/^m=/m, 1)
  const sections = sectionsOf(sdp).map((section) => {
    const mid = midPattern.exec(section)?.[1] ?? ''
    const bare = section.replace(/^a=(?:msid:|ssrc:\d+ (?:msid|mslabel|label):).*\r?\n/gm, '')
    const legId = legByMid.get(mid)
    return legId === undefined ? bare : `${bare}a=msid:${legId} ${legId}-${mid}\r\n`
  })
  return session + sections.join('')
}

/** Notes in a description which offer of the client it belongs to, by that one's connection. */
export function markedAsOf(sdp: string, ufrag: string | undefined): string {
  return sdp.replace(/^(?=m=)/m, `a=parley-of:${ufrag ?? ''}\r\n`)
}

function sectionsOf(sdp: string): readonly string[] {
  return sdp.split(/^(?=m=)/m).slice(1)
}

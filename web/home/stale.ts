/** What has to be read again. */
export class Stale {
  allHosts = false;
  allSessions = false;
  moreHosts = false;
  moreSessions = false;
  readonly hosts = new Set<string>();
  readonly sessions = new Set<string>();
  /** Hosts whose sessions may have become active, or unreachable. */
  readonly sights = new Set<string>();

  get isEmpty(): boolean {
    const { allHosts, allSessions, moreHosts, moreSessions, hosts, sessions, sights } = this;
    const isAny = allHosts || allSessions || moreHosts || moreSessions;
    return !isAny && hosts.size + sessions.size + sights.size === 0;
  }

  add(other: Stale): void {
    this.allHosts ||= other.allHosts;
    this.allSessions ||= other.allSessions;
    this.moreHosts ||= other.moreHosts;
    this.moreSessions ||= other.moreSessions;
    for (const id of other.hosts) this.hosts.add(id);
    for (const id of other.sessions) this.sessions.add(id);
    for (const id of other.sights) this.sights.add(id);
  }
}

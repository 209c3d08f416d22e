/** What went wrong with a panel's server, for a person: in a few words, and what can be done. */
export type Failure = {
  title: string;
  /** What the edge said. */
  sentence: string;
  /** What to do, where the sentence does not say it. */
  next: string | null;
  /** Whether asking again can help. */
  isPassing: boolean;
};

/** @param refusal of the edge; its code is null where something in between answered */
export function failureOf(refusal: {
  status: number;
  code: string | null;
  message: string;
}): Failure {
  const { code, status, message: sentence } = refusal;
  const is = (title: string, next: string | null, isPassing = true): Failure => ({
    ...{ title, sentence, next, isPassing },
  });
  switch (code) {
    case "no_panel":
      return is(
        "No hosting panel is set up",
        "Who runs this edge sets both; docs/deploy.md says how.",
        false,
      );
    case "not_configured":
      return is("The hosting panel is not set up right", "Who runs this edge can set it.", false);
    case "no_such_server":
      return is("The panel knows no such server", "See that the address of this page is right.");
    case "no_agent_at_address":
      return is(
        "No agent runs on its hypervisor",
        "Add that machine as a host in the overview; then open the console again.",
      );
    case "address_claimed_twice":
    case "listener_not_named":
      return is("Its hypervisor is not clear", null);
    case "host_offline":
      return is("Its hypervisor is offline", null);
    case "panel_refused":
      return is("The panel does not let this edge in", null);
    case "panel_timeout":
      return is("The panel did not answer in time", "It may be busy: try again in a minute.");
    case "no_listener":
      return is("The panel has no console for it yet", null);
  }
  if (code?.startsWith("panel_")) {
    return is("The panel cannot be asked", "If it goes on, see the panel's own log.");
  }
  if (status === 403) return is("You may not do that", null, false);
  return is("That did not work", null);
}

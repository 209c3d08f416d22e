/** What a supervisor must not restart: the edge refused this agent for good. */
export const EXIT_REFUSED = 3;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

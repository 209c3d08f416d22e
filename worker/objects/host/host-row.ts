/** The one row of a host's object. Times in ms since the epoch; `displays` is JSON. */
export type HostRow = {
  host_id: string;
  name: string;
  public_key: string;
  created_at: number;
  since: number;
  version: string | null;
  displays: string;
};

export const HOST_SCHEMA = `
  CREATE TABLE host (
    host_id TEXT NOT NULL, name TEXT NOT NULL, public_key TEXT NOT NULL,
    created_at INTEGER NOT NULL, since INTEGER NOT NULL, version TEXT,
    displays TEXT NOT NULL DEFAULT '[]'
  );
  CREATE TABLE used_tokens (jti TEXT PRIMARY KEY, exp INTEGER NOT NULL);
`;

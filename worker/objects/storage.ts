/**
 * Whether an object has ever been made. Asking for an unknown id reaches an object too, and one
 * that writes nothing costs nothing: its tables are made when it is, not when it is asked.
 */
export function hasTable(sql: SqlStorage, name: string): boolean {
  return (
    sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", name).toArray()
      .length > 0
  );
}

/** Adds columns to a table that an earlier version made without them. @param columns each as in `a TEXT` */
export function addMissingColumns(sql: SqlStorage, table: string, ...columns: string[]): void {
  const query = "SELECT name FROM pragma_table_info(?)";
  const names = sql
    .exec<{ name: string }>(query, table)
    .toArray()
    .map(({ name }) => name);
  for (const column of columns) {
    if (!names.some((name) => column.startsWith(`${name} `))) {
      sql.exec(`ALTER TABLE ${table} ADD COLUMN ${column}`);
    }
  }
}

/** The one row of a query, or undefined. */
export function oneRow<Row extends Record<string, SqlStorageValue>>(
  cursor: SqlStorageCursor<Row>,
): Row | undefined {
  return cursor.toArray()[0];
}

/** RFC 3339, UTC, to the second as the API shows times. */
export function rfc3339(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d{3}Z$/, "Z");
}

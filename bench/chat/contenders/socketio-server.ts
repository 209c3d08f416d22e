import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Server } from "socket.io";

/**
 * The chat of socket.io's tutorial with its delivery guarantees: a message is stored under its
 * row's id, sent to all with that id, and acknowledged; who comes back says what they have. The
 * tutorial's `sqlite3` is Node's own SQLite here, with the same statements and SQLite's defaults.
 */

const [port = "", file = ""] = process.argv.slice(2);

mkdirSync(dirname(file), { recursive: true });
const db = new DatabaseSync(file);
db.exec(`
  CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, client_offset TEXT UNIQUE, content TEXT
  );
`);
const insert = db.prepare("INSERT INTO messages (content, client_offset) VALUES (?, ?)");
const after = db.prepare("SELECT id, content FROM messages WHERE id > ?");

/** SQLITE_CONSTRAINT_UNIQUE: the message was stored before. */
const STORED_BEFORE = 2067;

const server = createServer();
const io = new Server(server, { connectionStateRecovery: {} });

io.on("connection", (socket) => {
  socket.on("chat message", (text: string, clientOffset: string, done: () => void) => {
    let id: number | bigint;
    try {
      id = insert.run(text, clientOffset).lastInsertRowid;
    } catch (error) {
      if ((error as { errcode?: number }).errcode === STORED_BEFORE) done();
      return; // else the client sends it again
    }
    io.emit("chat message", text, Number(id));
    done();
  });
  if (socket.recovered) return;
  for (const { id, content } of after.iterate(socket.handshake.auth.serverOffset ?? 0)) {
    socket.emit("chat message", content, id);
  }
});

server.listen(Number(port), "127.0.0.1", () => console.log("ready"));

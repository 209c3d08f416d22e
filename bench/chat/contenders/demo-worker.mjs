import { DurableObject } from "cloudflare:workers";

/**
 * A chat room that works as Cloudflare's public chat demo does: a message gets a time that is later
 * than that of all before, goes out to everybody, and is then given to storage under that time.
 * Nothing is acknowledged, and a client cannot tell what was stored. Without the demo's limit on
 * each address, a message in five seconds, which no load could be put through. With STORE_FIRST a
 * message is stored before it goes out. It is plain JavaScript since workerd reads the file as it is.
 */

/** How many old messages somebody who comes in is shown. */
const SHOWN = 100;

export class DemoRoom extends DurableObject {
  #names = new Map();
  #lastTime = 0;

  constructor(ctx, env) {
    super(ctx, env);
    for (const socket of ctx.getWebSockets())
      this.#names.set(socket, socket.deserializeAttachment());
  }

  fetch() {
    const [client, server] = Object.values(new WebSocketPair());
    this.ctx.acceptWebSocket(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  async webSocketMessage(socket, data) {
    const said = JSON.parse(data);
    const name = this.#names.get(socket);
    if (name === undefined) return this.#welcome(socket, String(said.name));
    this.#lastTime = Math.max(Date.now(), this.#lastTime + 1);
    const message = JSON.stringify({ name, message: said.message, timestamp: this.#lastTime });
    const key = new Date(this.#lastTime).toISOString();
    if (this.env.STORE_FIRST) {
      this.ctx.storage.put(key, message);
      await this.ctx.storage.sync();
      return this.#tellAll(message);
    }
    this.#tellAll(message);
    await this.ctx.storage.put(key, message);
  }

  async #welcome(socket, name) {
    const old = await this.ctx.storage.list({ reverse: true, limit: SHOWN });
    for (const message of [...old.values()].reverse()) socket.send(message);
    socket.serializeAttachment(name);
    this.#names.set(socket, name);
    this.#tellAll(JSON.stringify({ joined: name }));
    socket.send('{"ready":true}');
  }

  #tellAll(message) {
    for (const socket of this.#names.keys()) {
      try {
        socket.send(message);
      } catch {
        this.#names.delete(socket);
      }
    }
  }

  webSocketClose(socket) {
    this.#names.delete(socket);
  }

  webSocketError(socket) {
    this.#names.delete(socket);
  }
}

export default {
  fetch: (request, env) => env.ROOMS.getByName(new URL(request.url).pathname).fetch(request),
};

import type { Socket } from "node:net";
import { ByteReader } from "../../agent/rfb/byte-reader.ts";
import { answerChallenge } from "../../agent/rfb/vnc-auth.ts";
import { TcpServer } from "./tcp-server.ts";

export type RecordingOptions = {
  /** As it greets, "003.008" if not given; what it then speaks is what the client answers. */
  version?: string;
  /** The security types that it offers; in 3.3 the first is its choice. */
  types?: readonly number[];
  /** For VNC authentication. */
  password?: string;
  /** Says nothing more once it has the answer to its challenge. */
  isSilentAfterAnswer?: boolean;
  /** Refuses everybody with this reason before any authentication. */
  refusal?: string;
};

/** RFC 6143, 7.3.2: 64x48 pixels of 32 bits, and a name. */
const SERVER_INIT = Buffer.concat([
  Buffer.from([0, 64, 0, 48, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]),
  Buffer.from([0, 0, 0, 4]),
  Buffer.from("test"),
]);

const CHALLENGE = Buffer.from("0123456789abcdef");

/** One client of a {@link RecordingServer}. */
export class Recorded {
  readonly socket: Socket;
  /** The shared flag of its ClientInit; null before that. */
  shared: number | null = null;
  /** All that it said after that. */
  bytes = Buffer.alloc(0);
  readonly #waiting = new Set<() => void>();

  constructor(socket: Socket) {
    this.socket = socket;
  }

  add(chunk: Buffer): void {
    this.bytes = Buffer.concat([this.bytes, chunk]);
    for (const check of this.#waiting) check();
  }

  /** Waits until it has said this, from the beginning. */
  said(bytes: number): Promise<Buffer> {
    return new Promise((resolve) => {
      const check = () => {
        if (this.bytes.length < bytes) return;
        this.#waiting.delete(check);
        resolve(this.bytes);
      };
      this.#waiting.add(check);
      check();
    });
  }
}

/** A VNC server of any version and kind of login, without a picture: it remembers what it hears. */
export class RecordingServer {
  readonly clients: Recorded[] = [];
  readonly #server: TcpServer;
  readonly #options: RecordingOptions;
  readonly #waiting = new Set<() => void>();
  #heardAnswer: () => void = () => {};
  /** Settles when somebody answered its challenge. */
  readonly answered = new Promise<void>((resolve) => {
    this.#heardAnswer = resolve;
  });
  /** How many connections it has had. */
  connected = 0;

  private constructor(server: TcpServer, options: RecordingOptions) {
    this.#server = server;
    this.#options = options;
  }

  static async start(options: RecordingOptions = {}): Promise<RecordingServer> {
    let serve: (socket: Socket) => void = () => {};
    const server = await TcpServer.listen((socket) => serve(socket));
    const recording = new RecordingServer(server, options);
    serve = (socket) => void recording.#serve(socket);
    return recording;
  }

  get port(): number {
    return this.#server.port;
  }

  get sockets(): Set<Socket> {
    return this.#server.sockets;
  }

  connections(count: number): Promise<void> {
    return this.#server.connections(count);
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  /** Waits for the how-manieth client that came through the handshake. */
  client(count = 1): Promise<Recorded> {
    return new Promise((resolve) => {
      const check = () => {
        const client = this.clients[count - 1];
        if (!client) return;
        this.#waiting.delete(check);
        resolve(client);
      };
      this.#waiting.add(check);
      check();
    });
  }

  async #serve(socket: Socket): Promise<void> {
    this.connected++;
    const reader = new ByteReader();
    socket.on("data", (chunk: Buffer) => reader.push(chunk));
    socket.on("close", () => reader.end(new Error("the client left")));
    try {
      if (!(await this.#logIn(socket, reader))) return void socket.end();
      const client = new Recorded(socket);
      client.shared = (await reader.read(1)).readUInt8();
      socket.removeAllListeners("data");
      client.add(reader.rest());
      socket.on("data", (chunk: Buffer) => client.add(chunk));
      socket.write(SERVER_INIT);
      this.clients.push(client);
      for (const check of this.#waiting) check();
    } catch {
      // It left before it was in: there is nothing to record.
    }
  }

  async #logIn(socket: Socket, reader: ByteReader): Promise<boolean> {
    const { version = "003.008", types = [1], refusal } = this.#options;
    socket.write(`RFB ${version}\n`);
    const answer = (await reader.read(12)).toString("latin1", 4, 11);
    const is33 = answer === "003.003";
    if (refusal !== undefined) {
      socket.write(Buffer.concat([is33 ? u32(0) : Buffer.from([0]), reason(refusal)]));
      return false;
    }
    socket.write(is33 ? u32(types[0] ?? 0) : Buffer.from([types.length, ...types]));
    const type = is33 ? types[0] : (await reader.read(1)).readUInt8();
    if (type === undefined || !types.includes(type)) return false;
    if (type === 2) {
      socket.write(CHALLENGE);
      const right = answerChallenge(this.#options.password ?? "", CHALLENGE);
      const isRight = (await reader.read(16)).equals(right);
      this.#heardAnswer();
      if (this.#options.isSilentAfterAnswer) await reader.read(1);
      if (!isRight) {
        const words = answer === "003.008" ? reason("Authentication failure") : Buffer.alloc(0);
        socket.write(Buffer.concat([u32(1), words]));
        return false;
      }
    }
    if (type === 2 || answer === "003.008") socket.write(u32(0));
    return true;
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function reason(words: string): Buffer {
  return Buffer.concat([u32(Buffer.byteLength(words)), Buffer.from(words)]);
}

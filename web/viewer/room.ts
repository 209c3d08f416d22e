import type {
  ClientToRoom,
  Control,
  ControlRequest,
  Member,
  PresentMember,
  RoomToClient,
} from "../../protocol/chat.ts";
import { CloseCode, isRetryable } from "../../protocol/close-codes.ts";
import type { EdgeSocket, EdgeSocketEvents } from "../feed/edge-socket.ts";
import { KeptSocket, type Loss, type SocketClock } from "../feed/kept-socket.ts";
import { inLocalTime } from "../time.ts";

/** Who is in a room, and who controls its session. Nothing is forgotten while it is away. */
export type RoomState = {
  /** `joining` until it let this page in; `away` says that the rest may be out of date. */
  link: "joining" | "here" | "away";
  /** Why it lets this page in no more, as a sentence; null while it is dialled again by itself. */
  refused: string | null;
  /** Its session has ended: it lets nobody in any more. */
  isOver: boolean;
  me: Member | null;
  members: readonly PresentMember[];
  /** null until the room said it; that of a shared session says nothing of it. */
  control: Control | null;
};

/** Before a room has said anything. */
export const NOWHERE: RoomState = {
  link: "joining",
  refused: null,
  isOver: false,
  me: null,
  members: [],
  control: null,
};

/** What somebody looks at the page for until it is done. */
const WAITED_FOR: ReadonlySet<ClientToRoom["type"]> = new Set(["send", "edit", "delete"]);

const NOT_LET_IN = "This chat does not let you in.";

type Surroundings = SocketClock & {
  openSocket(events: EdgeSocketEvents): EdgeSocket;
  onState(state: RoomState): void;
  /** All that the room said, in its order, after what it says of its state was taken. */
  onHeard(messages: readonly RoomToClient[]): void;
};

/** Keeps a page in a chat room: joins, notices every kind of loss, and joins again. */
export class RoomConnection {
  readonly #around: Surroundings;
  #state = NOWHERE;
  readonly #socket: KeptSocket;

  constructor(around: Surroundings) {
    this.#around = around;
    const { openSocket, isHidden, random, now, setTimer, clearTimer } = around;
    this.#socket = new KeptSocket({
      ...{ openSocket, isHidden, random, now, setTimer, clearTimer },
      onText: (text) => this.#heard(text),
      onLost: (loss) => this.#lost(loss),
      comesBackFrom,
    });
  }

  join(): void {
    this.#socket.join();
  }

  /** The network came back, someone looks at the tab again, or the desktop is here. */
  wake(): void {
    this.#socket.wake();
  }

  /** Says something to the room. @returns false if the room is away: then it is not said */
  say(message: ClientToRoom): boolean {
    const isSaid = this.#state.link === "here" && this.#socket.send(JSON.stringify(message));
    if (isSaid && WAITED_FOR.has(message.type)) this.#socket.probe();
    return isSaid;
  }

  /** Asks for something about control; what comes of it is news, or an error. */
  request(op: ControlRequest["op"], to?: string): void {
    this.say({ type: "control", op, to });
  }

  stop(): void {
    this.#socket.stop();
  }

  #heard(text: string): void {
    const frame = JSON.parse(text) as RoomToClient | RoomToClient[];
    const messages = (Array.isArray(frame) ? frame : [frame]).map(toShow);
    for (const message of messages) this.#take(message);
    this.#around.onHeard(messages);
  }

  #take(message: RoomToClient): void {
    switch (message.type) {
      case "welcome": {
        this.#socket.letIn();
        const { me, members } = message;
        return this.#show({ link: "here", refused: null, isOver: false, me, members });
      }
      case "presence":
        return this.#show({ members: message.members });
      case "control":
        return this.#show({ control: { holder: message.holder, asking: message.asking } });
      case "sync":
        this.#socket.send(JSON.stringify(message));
    }
  }

  #lost(loss: Loss): void {
    const refused = comesBackFrom(loss) ? null : inLocalTime(loss.reason) || NOT_LET_IN;
    this.#show({ link: "away", refused, isOver: loss.code === CloseCode.ended });
  }

  #show(news: Partial<RoomState>): void {
    this.#state = { ...this.#state, ...news };
    this.#around.onState(this.#state);
  }
}

function toShow(message: RoomToClient): RoomToClient {
  if (message.type !== "error") return message;
  return { ...message, message: inLocalTime(message.message) };
}

function comesBackFrom({ code }: Loss): boolean {
  return code === null || isRetryable(code);
}

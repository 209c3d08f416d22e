import RFB from "@novnc/novnc";
import type { Stream, StreamEvents } from "./states.ts";

export type Scaling = "fit" | "actual";

/** What a thumbnail asks the server for, of 0 to 9: pictures that are coarse, and cheap to send. */
const THUMBNAIL_QUALITY = 2;
const THUMBNAIL_COMPRESSION = 6;

/** What a desktop tells the page beside the life of its connection. */
type DesktopEvents = {
  named?(name: string): void;
  copied?(text: string): void;
  clipped?(clipped: boolean): void;
  /** The first data after the handshake: there is a picture to look at. */
  pictured(): void;
};

/** noVNC on a WebSocket of ours, so that we hear the close code and the reason ourselves. */
export class Desktop implements Stream {
  readonly canvas: HTMLCanvasElement | null;
  readonly #rfb: RFB;
  #disconnected = false;

  constructor(target: HTMLElement, url: string, events: StreamEvents & DesktopEvents) {
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    let waitingForPicture = false;
    // Ours come before noVNC's: a close is understood before noVNC takes its canvas away.
    socket.addEventListener("open", () => events.opened());
    socket.addEventListener("close", (event) => events.closed(event.code, event.reason));
    socket.addEventListener("message", (event: MessageEvent<ArrayBuffer>) => {
      events.heard();
      if (!waitingForPicture || event.data.byteLength === 0) return;
      waitingForPicture = false;
      requestAnimationFrame(() => events.pictured());
    });

    const rfb = new RFB(target, socket, { shared: true });
    rfb.background = "transparent";
    rfb.addEventListener("connect", () => {
      waitingForPicture = true;
      events.connected();
    });
    rfb.addEventListener("disconnect", () => {
      this.#disconnected = true;
      events.broken();
    });
    rfb.addEventListener("securityfailure", (event) => events.refused(event.detail.reason ?? null));
    rfb.addEventListener("credentialsrequired", (event) =>
      events.credentialsRequired(event.detail.types),
    );
    rfb.addEventListener("serververification", (event) => {
      fingerprint(event.detail.publickey).then(events.identityShown, (error: unknown) => {
        // Without a digest nobody can compare anything; noVNC waits for an answer for ever.
        console.error(error);
        events.broken();
      });
    });
    rfb.addEventListener("desktopname", (event) => events.named?.(event.detail.name));
    rfb.addEventListener("clipboard", (event) => events.copied?.(event.detail.text));
    rfb.addEventListener("clippingviewport", (event) => events.clipped?.(event.detail));
    this.#rfb = rfb;
    this.canvas = target.querySelector("canvas");
  }

  /** To be called before it connects. Nothing that is done to it reaches the desktop. */
  asThumbnail(): void {
    this.watchOnly(true);
    this.focusOnTap(false);
    this.scale("fit");
    this.#rfb.qualityLevel = THUMBNAIL_QUALITY;
    this.#rfb.compressionLevel = THUMBNAIL_COMPRESSION;
  }

  hangUp(): void {
    // noVNC counts a second goodbye as a fault.
    if (!this.#disconnected) this.#rfb.disconnect();
  }

  sendCredentials(credentials: Parameters<Stream["sendCredentials"]>[0]): void {
    this.#rfb.sendCredentials(credentials);
  }

  approveServer(): void {
    this.#rfb.approveServer();
  }

  focus(): void {
    this.#rfb.focus({ preventScroll: true });
  }

  /** Off while a keyboard is on the screen, which a tap on the desktop would put away. */
  focusOnTap(on: boolean): void {
    this.#rfb.focusOnClick = on;
  }

  scale(scaling: Scaling): void {
    this.#rfb.scaleViewport = scaling === "fit";
    this.#rfb.clipViewport = scaling === "actual";
  }

  /** Dragging moves the part of the desktop that is shown, instead of the mouse over there. */
  dragToPan(on: boolean): void {
    this.#rfb.dragViewport = on;
  }

  /** What is typed and clicked stays here: the host would not take it anyway. */
  watchOnly(on: boolean): void {
    this.#rfb.viewOnly = on;
  }

  paste(text: string): void {
    this.#rfb.clipboardPasteFrom(text);
  }

  press(keysym: number, down?: boolean): void {
    this.#rfb.sendKey(keysym, null, down);
  }

  pressCtrlAltDel(): void {
    this.#rfb.sendCtrlAltDel();
  }
}

/** As TigerVNC's own viewer shows it, so that people can compare: SHA-1, its first 8 bytes. */
async function fingerprint(publicKey: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-1", publicKey));
  return Array.from(digest.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("-");
}

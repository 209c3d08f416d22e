/** The part of node-x11 4.2 that the tests use; it ships no types. Its docs/ are the reference. */
declare module "x11" {
  export type InputEvent = {
    name: "KeyPress" | "KeyRelease" | "ButtonPress" | "ButtonRelease" | "MotionNotify";
    /** The key's code, or the button's number. */
    keycode: number;
    /** Modifiers and buttons that were down before the event (X11 protocol, SETofKEYBUTMASK). */
    buttons: number;
    x: number;
    y: number;
  };
  export type OtherEvent = { name: "MappingNotify" | "Expose" | "MapNotify" };

  type Callback<Answer> = (error: Error | null, answer: Answer) => void;

  export interface Client {
    AllocID(): number;
    CreateWindow(
      window: number,
      parent: number,
      x: number,
      y: number,
      width: number,
      height: number,
      borderWidth: number,
      depth: number,
      windowClass: number,
      visual: number,
      values: { overrideRedirect?: boolean; eventMask?: number },
    ): void;
    CreateGC(context: number, drawable: number, values?: Record<string, number>): void;
    MapWindow(window: number): void;
    SetInputFocus(window: number, revertTo: number): void;
    PutImage(
      format: number,
      drawable: number,
      context: number,
      width: number,
      height: number,
      x: number,
      y: number,
      leftPad: number,
      depth: number,
      data: Buffer,
    ): void;
    /** One row of keysyms per key code, from `first` on. */
    GetKeyboardMapping(first: number, count: number, done: Callback<number[][]>): void;
    /** `keyMask`: the modifiers and buttons that are down (X11 protocol, SETofKEYBUTMASK). */
    QueryPointer(window: number, done: Callback<{ keyMask: number }>): void;
    /** Settles when the server has processed every request so far. */
    sync(): Promise<void>;
    terminate(): void;
    on(name: "event", listener: (event: InputEvent | OtherEvent) => void): void;
    on(name: "error", listener: (error: Error) => void): void;
  }

  export type Display = {
    client: Client;
    min_keycode: number;
    max_keycode: number;
    screen: { root: number; pixel_width: number; pixel_height: number }[];
  };

  export function createClient(
    options: { display: string },
    done: (error: Error | undefined, display: Display) => void,
  ): Client;

  export const eventMask: Record<
    "KeyPress" | "ButtonPress" | "ButtonRelease" | "PointerMotion",
    number
  >;
}

import type { CloseCode } from "../../protocol/close-codes.ts";

/** Why a stream cannot begin or go on, with the close code that says it to a viewer. */
export class StreamError extends Error {
  readonly code: CloseCode;
  constructor(code: CloseCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** The VNC server is there, but does not let the agent in. */
export class LoginError extends StreamError {}

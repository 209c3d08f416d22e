import { once } from "node:events";
import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";

export type CallOptions = {
  method?: string;
  headers?: Record<string, string>;
  /** Sent as JSON; a string as it is. */
  body?: unknown;
  /** The address of the loopback network to come from; the edge tells callers apart by it. */
  from?: string;
};

/** What a call was answered, read to its end. */
export class Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;

  constructor(status: number, headers: IncomingHttpHeaders, text: string) {
    this.status = status;
    this.headers = headers;
    this.text = text;
  }

  json<Body>(): Body {
    return JSON.parse(this.text) as Body;
  }

  /** The stable code of a problem. */
  get code(): string {
    return this.json<{ code: string }>().code;
  }

  /** The one cookie that it sets, with its attributes. */
  get setCookie(): string {
    return this.headers["set-cookie"]?.[0] ?? "";
  }

  /** The same as a browser sends it back. */
  get cookie(): string {
    return this.setCookie.split(";")[0] ?? "";
  }
}

/** Calls an edge as no browser does: from a chosen address, with any header. */
export async function call(url: string, options: CallOptions = {}): Promise<Answer> {
  const { method = "GET", headers = {}, body, from } = options;
  const text = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
  const outgoing = request(url, {
    method,
    headers: { ...(text === undefined ? {} : { "content-type": "application/json" }), ...headers },
    ...(from === undefined ? {} : { localAddress: from }),
    agent: false,
  });
  outgoing.end(text);
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  return readAnswer(response);
}

export async function readAnswer(response: IncomingMessage): Promise<Answer> {
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  return new Answer(response.statusCode ?? 0, response.headers, text);
}

export function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}

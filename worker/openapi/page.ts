import { html, raw } from "hono/html";
import type { describeApi } from "./document.ts";

type Described = ReturnType<typeof describeApi>;

/** One operation as the page shows it. */
type Shown = {
  summary: string;
  description?: string;
  tags: string[];
  parameters: { name: string; in: string; schema: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: Schema }> }>;
};

/** The description as a page: what it says of each call, and of each shape that calls answer. */
export function describingPage({ info, tags, paths, components }: Described) {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, shown]) => ({ method, path, shown: shown as Shown })),
  );
  return html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>${info.title} API</title>
      <style>${raw(DESCRIBING_STYLE)}</style>
      <header>
        <h1>${info.title} API</h1>
        <p>${plain(info.description)}</p>
        <p>
          Send an API key, or the admin token, as <code>Authorization: Bearer</code>. For programs:
          <a href="/api/openapi.json">/api/openapi.json</a>, OpenAPI 3.1.
        </p>
        <nav>
          ${tags.map(({ name }) => html`<a href="#${name}">${name}</a> `)}
          <a href="#shapes">shapes</a>
        </nav>
      </header>
      <main>
        ${tags.map(
          ({ name }) => html`<h2 id="${name}">${name}</h2>
            ${operations.filter(({ shown }) => shown.tags.includes(name)).map(operationOf)}`,
        )}
        <h2 id="shapes">shapes</h2>
        ${Object.entries(components.schemas as Record<string, Schema>).map(
          ([name, schema]) => html`<h3 id="${name}">${name}</h3>
            ${fieldsOf(schema)}`,
        )}
      </main>
    </html>`;
}

function operationOf({ method, path, shown }: { method: string; path: string; shown: Shown }) {
  const body = shown.requestBody?.content["application/json"]?.schema;
  return html`<details>
    <summary>
      <b class="${method}">${method.toUpperCase()}</b> <code>${path}</code>
      <span>${shown.summary}</span>
    </summary>
    <p>${shown.description}</p>
    ${
      shown.parameters.length > 0 &&
      html`<table>
      ${shown.parameters.map(
        (one) => html`<tr>
          <th>${one.name}</th>
          <td>${one.in}</td>
          <td>${typeOf(one.schema)}</td>
          <td>${plain(one.schema.description ?? "")}</td>
        </tr>`,
      )}
    </table>`
    }
    ${
      body &&
      html`<h4>Body</h4>
        ${fieldsOf(body)}`
    }
    <h4>Answers</h4>
    <table>
      ${Object.entries(shown.responses).map(
        ([status, { description, content }]) => html`<tr>
          <th>${status}</th>
          <td>${plain(description)}</td>
          <td>${Object.values(content ?? {}).map(({ schema }) => typeOf(schema))}</td>
        </tr>`,
      )}
    </table>
  </details>`;
}

/** What this page reads of a JSON Schema. */
type Schema = {
  $ref?: string;
  type?: string;
  format?: string;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  description?: string;
  items?: Schema;
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
};

function fieldsOf(schema: Schema): unknown {
  if (schema.anyOf) return schema.anyOf.map(fieldsOf);
  if (!schema.properties) return html`<p>${typeOf(schema)}</p>`;
  return html`<table>
    ${Object.entries(schema.properties).map(
      ([name, field]) => html`<tr>
        <th>${name}${!schema.required?.includes(name) && "?"}</th>
        <td>${typeOf(field)}</td>
        <td>${plain(field.description ?? "")}</td>
      </tr>`,
    )}
  </table>`;
}

/** What may stand there, in a few words. */
function typeOf(schema: Schema): unknown {
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1);
    return html`<a href="#${name}">${name}</a>`;
  }
  if (schema.const !== undefined) return html`<code>${JSON.stringify(schema.const)}</code>`;
  if (schema.enum) return html`<code>${schema.enum.join(" | ")}</code>${defaultOf(schema)}`;
  if (schema.anyOf) {
    return schema.anyOf.map((one, n) => html`${n > 0 && " or "}${typeOf(one)}`);
  }
  if (schema.type === "array") return html`list of ${typeOf(schema.items ?? {})}`;
  if (schema.properties) {
    return html`{ ${Object.entries(schema.properties).map(([name, field], n) => html`${n > 0 && ", "}${name}: ${typeOf(field)}`)} }`;
  }
  const { minimum, maximum } = schema;
  const range = maximum !== undefined && ` ${minimum ?? "up"} to ${maximum}`;
  return html`${schema.format ?? schema.type}${range}${defaultOf(schema)}`;
}

function defaultOf(schema: Schema) {
  return schema.default !== undefined && `, ${schema.default} by default`;
}

/** The backticks of a description are for those who read it as Markdown. */
function plain(text: string): string {
  return text.replaceAll("`", "");
}

/** The page's policy names this text by its hash, and allows no other style. */
export const DESCRIBING_STYLE = `
:root {
  color-scheme: light dark;
  --bg: #f4f7f8; --surface: #fff; --ink: #10202c; --muted: #4d6270; --line: #d5dfe4; --accent: #0a6580;
  --get: #1c63b8; --post: #157347; --delete: #b02a20; --patch: #865500;
}
@media (prefers-color-scheme: dark) {
  :root {
    --bg: #0a141c; --surface: #11202b; --ink: #e5eef3; --muted: #9db1be; --line: #213644; --accent: #63c5e4;
    --get: #6cb2f7; --post: #4cc38a; --delete: #ff9385; --patch: #e8b04b;
  }
}
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1.5rem;
  background: var(--bg); color: var(--ink); }
h1, h2, h3 { line-height: 1.25; letter-spacing: -.01em; }
h2 { margin-top: 2.5rem; text-transform: capitalize; }
h3 { margin: 2rem 0 .5rem; }
h4 { margin: 1rem 0 .25rem; }
a { color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
code, th { font: 14px/1.5 ui-monospace, monospace; }
nav { display: flex; gap: .5rem 1rem; flex-wrap: wrap; text-transform: capitalize; }
details { border: 1px solid var(--line); border-radius: 10px; background: var(--surface);
  padding: .625rem 1rem; margin: .5rem 0; overflow-wrap: anywhere; }
summary { cursor: pointer; }
summary b { display: inline-block; min-width: 4.2rem; font: 600 13px ui-monospace, monospace; }
summary span { display: block; color: var(--muted); padding-left: 1.1rem; }
.get { color: var(--get); } .post { color: var(--post); }
.delete { color: var(--delete); } .patch { color: var(--patch); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-top: 1px solid var(--line); }
th { width: 11rem; font-weight: 600; }
@media (max-width: 40rem) { body { padding: 1rem; } th { width: 6.5rem; } }
`;

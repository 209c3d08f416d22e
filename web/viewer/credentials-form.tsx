import type { TargetedSubmitEvent } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { CredentialField, Credentials } from "./states.ts";

const LABELS: Readonly<Record<CredentialField, string>> = {
  username: "User name",
  password: "Password",
  target: "Machine",
};

type CredentialsFormProps = {
  fields: readonly CredentialField[];
  refusal: string | null;
  title: string;
  onSubmit(credentials: Credentials): void;
};

/** Asks for what the VNC server wants to know. It stays in this page's memory and goes nowhere else. */
export function CredentialsForm({ fields, refusal, title, onSubmit }: CredentialsFormProps) {
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    const first = form.current?.querySelector("input");
    first?.focus();
    first?.select();
  }, [refusal]);

  const submit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    onSubmit(Object.fromEntries(fields.map((field) => [field, String(data.get(field) ?? "")])));
  };

  return (
    <form ref={form} class="credentials-form" onSubmit={submit} data-testid="credentials">
      <h2>This desktop asks who you are</h2>
      <p class="hint">{title}</p>
      {refusal !== null && (
        <p class="error" role="alert" data-testid="reason">
          {refusal}
        </p>
      )}
      {fields.map((field) => (
        <Field key={field} field={field} />
      ))}
      <div class="actions">
        <button type="submit" class="button primary" data-testid="submit-credentials">
          Continue
        </button>
      </div>
    </form>
  );
}

function Field({ field }: { field: CredentialField }) {
  const id = `credential-${field}`;
  const shared = { id, name: field, spellcheck: false, "data-testid": field };
  return (
    <div class="field">
      <label for={id}>{LABELS[field]}</label>
      {field === "password" ? (
        <input {...shared} type="password" autocomplete="current-password" />
      ) : (
        <input {...shared} autocomplete="off" autocapitalize="off" />
      )}
    </div>
  );
}

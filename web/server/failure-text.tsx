import type { Failure } from "./failures.ts";

export function FailureText({ failure }: { failure: Failure }) {
  const { title, sentence, next } = failure;
  return (
    <>
      <h2>{title}</h2>
      <p data-testid="reason">{sentence}</p>
      {next !== null && <p class="hint">{next}</p>}
    </>
  );
}

import { useId } from "preact/hooks";
import "./segments.css";

type SegmentsProps<Value> = {
  legend: string;
  choices: readonly { label: string; value: Value }[];
  value: NoInfer<Value>;
  onChange(value: NoInfer<Value>): void;
  /** The id of what says more about the choice. */
  describedBy?: string;
};

/** A choice of few, all in sight; the arrow keys walk through it. */
export function Segments<Value>(props: SegmentsProps<Value>) {
  const { legend, choices, value, onChange, describedBy } = props;
  const name = useId();
  return (
    <fieldset class="segments" aria-describedby={describedBy}>
      <legend>{legend}</legend>
      <div class="segments-row">
        {choices.map((choice) => (
          <label key={choice.label} class="segment">
            <input
              type="radio"
              name={name}
              checked={choice.value === value}
              onChange={() => onChange(choice.value)}
            />
            <span>{choice.label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

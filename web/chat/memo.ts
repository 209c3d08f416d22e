import { Component, type ComponentClass, type FunctionComponent, h } from "preact";

/** The same component, drawn again only when one of its props is another one. */
export function memo<Props extends object>(Drawn: FunctionComponent<Props>): ComponentClass<Props> {
  return class Memo extends Component<Props> {
    override shouldComponentUpdate(next: Props): boolean {
      const keys = Object.keys(next) as (keyof Props)[];
      // Thousands are compared at once.
      if (keys.length !== Object.keys(this.props).length) return true;
      return keys.some((key) => next[key] !== this.props[key]);
    }

    override render() {
      return h(Drawn, this.props);
    }
  };
}

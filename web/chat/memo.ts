import { Component, type ComponentClass, type FunctionComponent, h } from "preact";

/** The same component, drawn again only when one of its props is another one. */
export function memo<Props extends object>(Drawn: FunctionComponent<Props>): ComponentClass<Props> {
  return class Memo extends Component<Props> {
    override shouldComponentUpdate(next: Props): boolean {
      const keys = new Set([...Object.keys(this.props), ...Object.keys(next)]);
      return [...keys].some((key) => Reflect.get(this.props, key) !== Reflect.get(next, key));
    }

    override render() {
      return h(Drawn, this.props);
    }
  };
}

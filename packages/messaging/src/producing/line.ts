/** Who stands in a line knows the neighbours, and so can leave from the middle at once. */
export interface Standing<Node> {
  ahead: Node | undefined;
  behind: Node | undefined;
  /** The line that it stands in. */
  line: { remove(node: Node): void } | undefined;
  readonly bytes: number;
}

/** First come, first served. Every operation takes constant time. */
export class Line<Node extends Standing<Node>> {
  first: Node | undefined;
  size = 0;
  bytes = 0;
  #last: Node | undefined;

  push(node: Node): void {
    node.line = this;
    node.ahead = this.#last;
    if (this.#last) this.#last.behind = node;
    else this.first = node;
    this.#last = node;
    this.size += 1;
    this.bytes += node.bytes;
  }

  /** Takes out a node that stands in this line. */
  remove(node: Node): void {
    if (node.ahead) node.ahead.behind = node.behind;
    else this.first = node.behind;
    if (node.behind) node.behind.ahead = node.ahead;
    else this.#last = node.ahead;
    node.ahead = undefined;
    node.behind = undefined;
    node.line = undefined;
    this.size -= 1;
    this.bytes -= node.bytes;
  }
}

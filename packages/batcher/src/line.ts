/** Who stands in a line knows the neighbours, and so can leave from the middle at once. */
export interface Standing<Node> {
  ahead: Node | undefined;
  behind: Node | undefined;
}

/** First come, first served. Every operation takes constant time. */
export class Line<Node extends Standing<Node>> {
  first: Node | undefined;
  last: Node | undefined;

  push(node: Node): void {
    node.ahead = this.last;
    if (this.last) this.last.behind = node;
    else this.first = node;
    this.last = node;
  }

  /** Takes out a node that stands in this line. */
  remove(node: Node): void {
    if (node.ahead) node.ahead.behind = node.behind;
    else this.first = node.behind;
    if (node.behind) node.behind.ahead = node.ahead;
    else this.last = node.ahead;
    node.ahead = undefined;
    node.behind = undefined;
  }

  shift(): Node | undefined {
    const node = this.first;
    if (node) this.remove(node);
    return node;
  }

  *[Symbol.iterator](): Generator<Node, void> {
    for (let node = this.first; node; node = node.behind) yield node;
  }
}
